//! An environment that a process has paused for the time of a call.

use serde::{Deserialize, Serialize};

use crate::environment::id::EnvironmentId;

/// An environment that is paused for the time of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PausedEnvironment {
    pub(crate) id: EnvironmentId,
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) address: String,
    /// The PID of the process that has paused it.
    pub(crate) pid: u32,
}
