//! What this project declares, beside what the vendor describes (`fixtures/spec`).
//!
//! - `operations`: each declared operation has the id, method, path and codes of the description
//! - `shown`: what a reader is shown, in modules and in folders
//! - `coverage`: which operations were recorded, in the tables that the repository keeps

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod coverage;
mod operations;
mod shown;
