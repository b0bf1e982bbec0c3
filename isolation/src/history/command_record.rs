//! A command that was run in an environment.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::command::exit_status::ExitStatus;

/// A command that this process has run in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandRecord {
    /// Its number among the commands of the environment, from 1.
    pub number: u64,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Time of the start.
    #[serde(with = "crate::events::rfc3339")]
    pub began: SystemTime,
    /// Time of the exit; `None` if it still runs.
    #[serde(
        with = "crate::events::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[serde(default)]
    pub ended: Option<SystemTime>,
    /// The exit status; `None` if it still runs, or if it was killed because its caller no longer
    /// waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
}
