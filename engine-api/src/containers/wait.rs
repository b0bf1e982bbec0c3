//! Waiting for the end of a container.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;
use crate::wire::query::Query;

/// What to wait for; unset is [`WaitCondition::NotRunning`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WaitCondition {
    /// That it does not run, which may be so already.
    NotRunning,
    /// That it ends the next time, which it can be asked for before it is started.
    NextExit,
    /// That it is removed.
    Removed,
    /// A condition this crate does not know.
    Other(String),
}

open_enum!(WaitCondition {
    NotRunning = "not-running",
    NextExit = "next-exit",
    Removed = "removed",
});

impl WaitCondition {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("condition", self.as_ref())
    }
}

/// How a container ended. Definition `ContainerWaitResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerExit {
    /// The exit code of its process.
    pub status_code: i64,
    /// Why waiting failed, such as a removal that failed; `None` when it did not.
    pub error: Option<ContainerExitError>,
}

/// Why waiting failed. Definition `ContainerWaitExitError`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerExitError {
    /// What the engine says.
    pub message: String,
}
