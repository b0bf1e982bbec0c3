//! Waiting until a container exits.

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static WAIT: Operation<Json<ContainerExit>> =
    Operation::post("ContainerWait", "/containers/{id}/wait").slow();

impl Containers<'_> {
    /// Waits until a container exits, and returns its exit code; a code other than 0 is not an
    /// error.
    ///
    /// If a container exits before this call reaches the engine, [`WaitCondition::NextExit`] misses
    /// that exit, and [`WaitCondition::NotRunning`] returns at once.
    pub async fn wait(&self, id: &str, until: WaitCondition) -> Result<ContainerExit> {
        self.docker.call(&WAIT).at(id).query(until.query()).send().await
    }
}

/// The event to wait for; unset is [`WaitCondition::NotRunning`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WaitCondition {
    /// The container is not running; true at once if it is already stopped.
    NotRunning,
    /// The next exit of the container; can be requested before the start.
    NextExit,
    /// The container is removed.
    Removed,
    /// A condition that this crate does not know.
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

/// The exit of a container. Definition `ContainerWaitResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerExit {
    /// Exit code of the process.
    pub status_code: i64,
    /// Error of the wait, such as a failed removal; `None` if it succeeded.
    pub error: Option<ContainerExitError>,
}

/// The error of a wait. Definition `ContainerWaitExitError`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerExitError {
    /// Message of the engine.
    pub message: String,
}
