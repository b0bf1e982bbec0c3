//! The state and the health of a container.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// The state of a container. Definition `ContainerState`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerState {
    /// State in one word.
    pub status: RunState,
    /// Whether the process exists; also true while it is paused or restarting.
    pub running: bool,
    /// Whether the process is paused.
    pub paused: bool,
    /// Whether the restart policy is restarting it.
    pub restarting: bool,
    /// Whether the OOM killer has killed a process of it since the last start.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Whether a removal has failed and left a part of it.
    pub dead: bool,
    /// PID on the host; 0 if it is not running.
    pub pid: i64,
    /// Last exit code; 0 if it never ran.
    pub exit_code: i64,
    /// Error of the last start; empty if it succeeded.
    pub error: String,
    /// Time of the last start, in RFC 3339; `0001-01-01T00:00:00Z` means never.
    pub started_at: String,
    /// Time of the last exit, in RFC 3339; `0001-01-01T00:00:00Z` means never.
    pub finished_at: String,
    /// Result of the health check; `None` without a health check.
    pub health: Option<Health>,
}

/// The state of a container in one word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Restarting, by its restart policy.
    Restarting,
    /// Stopping; only Podman reports it.
    Stopping,
    /// Ended.
    Exited,
    /// Being removed.
    Removing,
    /// A removal has failed and left a part of it.
    Dead,
    /// A state that this crate does not know.
    Other(String),
}

open_enum!(RunState {
    Created = "created",
    Running = "running",
    Paused = "paused",
    Restarting = "restarting",
    Stopping = "stopping",
    Exited = "exited",
    Removing = "removing",
    Dead = "dead",
});

/// Result of the health check. Definition `Health`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Health {
    /// Health status.
    pub status: HealthStatus,
    /// Number of consecutive failures.
    pub failing_streak: i64,
    /// Last checks, the oldest first.
    pub log: Vec<HealthProbe>,
}

/// One run of a health check. Definition `HealthcheckResult`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthProbe {
    /// Time of the start, in RFC 3339.
    pub start: String,
    /// Time of the end, in RFC 3339.
    pub end: String,
    /// Exit code: 0 is healthy, 1 is unhealthy, any other number is a failure of the check itself.
    pub exit_code: i64,
    /// Output, or the error that prevented the check.
    pub output: String,
}

/// Health status of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HealthStatus {
    /// No health check.
    None,
    /// Starting; the health is not known yet.
    Starting,
    /// Healthy.
    Healthy,
    /// Unhealthy.
    Unhealthy,
    /// A status that this crate does not know.
    Other(String),
}

open_enum!(HealthStatus {
    None = "none",
    Starting = "starting",
    Healthy = "healthy",
    Unhealthy = "unhealthy",
});
