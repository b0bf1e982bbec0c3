//! What this project declares, beside what the vendor describes (`fixtures/spec`).
//!
//! - `operations`: each declared operation has the id, method, path and codes of the description

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod operations;
