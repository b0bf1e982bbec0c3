//! Limits of a process.

use serde::{Deserialize, Serialize};

/// A limit of the process, as `ulimit` knows it. Part of definition `Resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ulimit {
    /// What is limited: `nofile`, `nproc` …
    pub name: String,
    /// The limit in force; -1 is none.
    pub soft: i64,
    /// What the process may raise it to; -1 is without end.
    pub hard: i64,
}
