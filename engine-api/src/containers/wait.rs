//! Waiting for the end of a container.

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
    /// Awaits the end of a container, and gives its exit code; a code other than 0 is no error.
    ///
    /// A container that ends before this call reaches the engine is missed by
    /// [`WaitCondition::NextExit`]; [`WaitCondition::NotRunning`] answers at once for it.
    pub async fn wait(&self, id: &str, until: WaitCondition) -> Result<ContainerExit> {
        self.docker.call(&WAIT).at(id).query(until.query()).send().await
    }
}

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
