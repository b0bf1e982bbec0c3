//! Inspect a service.

use serde::{Deserialize, Serialize};

use super::Services;
use super::endpoint::Endpoint;
use super::spec::ServiceSpec;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static INSPECT: Operation<Json<Service>> = Operation::get("ServiceInspect", "/services/{id}");

impl Services<'_> {
    /// Returns the details of a service.
    pub async fn inspect(&self, id: &str, options: InspectService) -> Result<Service> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// Options of inspecting a service. Query of `ServiceInspect`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InspectService {
    /// Whether to fill in defaults. Do not update with the result: it would set them.
    pub insert_defaults: bool,
}

impl InspectService {
    fn query(self) -> Query {
        Query::new().flag("insertDefaults", self.insert_defaults)
    }
}

/// A service. Definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Service {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the service; an update must send it.
    pub version: ObjectVersion,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: ServiceSpec,
    /// The specification before the last update; not in the API description.
    pub previous_spec: Option<ServiceSpec>,
    /// How it is reached.
    pub endpoint: Endpoint,
    /// How far the last update is; `None` before the first.
    pub update_status: Option<UpdateStatus>,
    /// How many tasks it has; only lists have it, when asked for.
    pub service_status: Option<ServiceStatus>,
    /// How far it is, if it is a job.
    pub job_status: Option<JobStatus>,
}

/// How far an update is. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateStatus {
    /// How far.
    pub state: UpdateState,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339; empty while it goes on.
    pub completed_at: String,
    /// The same in words, or why it stopped.
    pub message: String,
}

/// How far an update is; the API description has only the first three.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpdateState {
    /// It goes on.
    Updating,
    /// It stopped, because tasks failed.
    Paused,
    /// It is done.
    Completed,
    /// It is being taken back.
    RollbackStarted,
    /// Taking it back stopped, because tasks failed.
    RollbackPaused,
    /// It has been taken back.
    RollbackCompleted,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(UpdateState {
    Updating = "updating",
    Paused = "paused",
    Completed = "completed",
    RollbackStarted = "rollback_started",
    RollbackPaused = "rollback_paused",
    RollbackCompleted = "rollback_completed",
});

/// How many tasks a service has. Part of definition `Service`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceStatus {
    /// How many run.
    pub running_tasks: u64,
    /// How many should.
    pub desired_tasks: u64,
    /// How many have ended well, in a job.
    pub completed_tasks: u64,
}

/// How far a job is. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatus {
    /// Which run it is; it grows with each update.
    pub job_iteration: ObjectVersion,
    /// When that began, RFC 3339.
    pub last_execution: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insert_defaults_is_sent_only_when_it_is_set() {
        let defaults = InspectService {
            insert_defaults: true,
        };
        assert_eq!(defaults.query().as_str(), "insertDefaults=true");
        assert_eq!(InspectService::default().query().as_str(), "");
    }
}
