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
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: ServiceSpec,
    /// The specification before the last update; not in the API description.
    pub previous_spec: Option<ServiceSpec>,
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The status of the last update; `None` before the first.
    pub update_status: Option<UpdateStatus>,
    /// The numbers of its tasks; only in lists, if requested.
    pub service_status: Option<ServiceStatus>,
    /// The progress of a job.
    pub job_status: Option<JobStatus>,
}

/// The status of an update. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateStatus {
    /// How far.
    pub state: UpdateState,
    /// Time of the start, in RFC 3339.
    pub started_at: String,
    /// Time of the end, in RFC 3339; empty while it is running.
    pub completed_at: String,
    /// The status in words, or the reason why it stopped.
    pub message: String,
}

/// The state of an update; the API description contains only the first three.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpdateState {
    /// The update is running.
    Updating,
    /// The update was paused, because tasks failed.
    Paused,
    /// The update is complete.
    Completed,
    /// The rollback is running.
    RollbackStarted,
    /// The rollback was paused, because tasks failed.
    RollbackPaused,
    /// The rollback is complete.
    RollbackCompleted,
    /// A value that this crate does not know.
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

/// The numbers of a service's tasks. Part of definition `Service`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceStatus {
    /// Number of running tasks.
    pub running_tasks: u64,
    /// Number of requested tasks.
    pub desired_tasks: u64,
    /// Number of successful tasks of a job.
    pub completed_tasks: u64,
}

/// The status of a job. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatus {
    /// The number of the run; it grows with each update.
    pub job_iteration: ObjectVersion,
    /// Time of the start of this run, in RFC 3339.
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
