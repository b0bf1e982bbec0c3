//! Helpers that the tests of this package share.
//!
//! [`dockerignore`] is a table of build contexts. [`scenarios`] are sequences of calls that run on
//! live engines and on recordings; [`state_walk`] walks at random through environments and their
//! snapshots; [`types`] lists which type reads or writes which body.

pub mod dockerignore;
pub mod scenarios;
#[cfg(unix)]
pub mod state_walk;
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
