//! What the tests share.
//!
//! [`fake`] is an engine that does byte for byte what a test tells it.

pub mod fake;
