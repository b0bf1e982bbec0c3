//! The processes in an environment.

use serde::{Deserialize, Serialize};

/// A process in an environment, as the machine of the engine sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessEntry {
    /// The process ID on the machine of the engine.
    pub pid: u32,
    /// The process ID of its parent; 0 if the engine does not report it.
    pub parent: u32,
    /// The user.
    pub user: String,
    /// The CPU time that it has used, as `ps` prints it.
    pub cpu_time: String,
    /// The program and its arguments.
    pub command: String,
}

impl ProcessEntry {
    /// A process with this ID.
    pub fn new(pid: u32) -> Self {
        Self {
            pid,
            ..Self::default()
        }
    }
}
