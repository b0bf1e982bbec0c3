//! Helpers that the tests of this package share.
//!
//! [`fake`] is an engine that does byte for byte what a test tells it; [`scenarios`] are what
//! engines are asked to do, live or recorded; [`types`] says which type of ours reads or writes
//! which body.

pub mod fake;
pub mod scenarios;
pub mod types;

/// Compiles the examples in the READMEs.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../../README.md")]
    struct Project;
    #[doc = include_str!("../../engine-api/README.md")]
    struct EngineApi;
}

/// An error with all its causes, one per line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
