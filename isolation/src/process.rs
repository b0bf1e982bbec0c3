//! The processes in an environment.

use serde::{Deserialize, Serialize};

/// A process in an environment, with the values of the engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProcessEntry {
    /// The PID on the machine of the engine.
    pub pid: u32,
    /// The PID of its parent; 0 if the engine does not report it.
    pub parent: u32,
    /// The user.
    pub user: String,
    /// The CPU time that it has used, in the format of `ps`.
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
