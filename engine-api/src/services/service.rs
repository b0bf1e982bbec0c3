//! A service as managers show it.

use serde::{Deserialize, Serialize};

use super::{Endpoint, ServiceSpec};
use crate::swarm::ObjectVersion;
use crate::wire::json::open_enum;

/// A service. Definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Service {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Which state of the service this is; an update must say it.
    pub version: ObjectVersion,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// What was asked for.
    pub spec: ServiceSpec,
    /// What was asked for before the last update; not in the specification.
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

/// The id of a new service. Definition `ServiceCreateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceCreated {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// What the engine complains about, such as an image that no registry has.
    pub warnings: Vec<String>,
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

/// How far an update is; the specification has only the first three.
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
