//! Limits of a process.

use serde::{Deserialize, Serialize};

/// A resource limit of a process, as of `ulimit`. Part of definition `Resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ulimit {
    /// Name of the limit: `nofile`, `nproc` …
    pub name: String,
    /// Soft limit; -1 is unlimited.
    pub soft: i64,
    /// Hard limit; -1 is unlimited.
    pub hard: i64,
}
