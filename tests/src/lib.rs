//! What the tests of this package share.
//!
//! [`fake`] is an engine that does byte for byte what a test tells it; [`scenarios`] are what engines are
//! asked to do, live or recorded.

pub mod fake;
pub mod scenarios;
