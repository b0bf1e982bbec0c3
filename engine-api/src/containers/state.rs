//! Whether a container runs, and whether it works.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// Whether a container runs, and how it ended. Definition `ContainerState`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerState {
    /// The state in one word.
    pub status: RunState,
    /// Whether the process exists; also true while it is paused or about to be restarted.
    pub running: bool,
    /// Whether the process is frozen.
    pub paused: bool,
    /// Whether the restart policy is about to start it again.
    pub restarting: bool,
    /// Whether the kernel killed a process of it for want of memory since the last start.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Whether its removal failed half way.
    pub dead: bool,
    /// The process's id on the host; 0 when it does not run.
    pub pid: i64,
    /// The last exit code; 0 also when it never ran.
    pub exit_code: i64,
    /// Why it could not be started; empty when it could.
    pub error: String,
    /// When it was last started, in RFC 3339; `0001-01-01T00:00:00Z` is never.
    pub started_at: String,
    /// When it last ended, in RFC 3339; `0001-01-01T00:00:00Z` is never.
    pub finished_at: String,
    /// What the health check found; `None` when there is no check.
    pub health: Option<Health>,
}

/// A container's state in one word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// About to be started again by its restart policy.
    Restarting,
    /// About to stop; only Podman says so.
    Stopping,
    /// Ended.
    Exited,
    /// Being removed.
    Removing,
    /// Its removal failed half way.
    Dead,
    /// A state this crate does not know.
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

/// What the health check found. Definition `Health`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Health {
    /// Healthy or not.
    pub status: HealthStatus,
    /// How many checks failed in a row.
    pub failing_streak: i64,
    /// The last checks, the oldest first.
    pub log: Vec<HealthProbe>,
}

/// One run of a health check. Definition `HealthcheckResult`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthProbe {
    /// When it began, in RFC 3339.
    pub start: String,
    /// When it ended, in RFC 3339.
    pub end: String,
    /// 0 is healthy, 1 unhealthy; any other number says that the check itself failed.
    pub exit_code: i64,
    /// What it wrote, or why it could not run.
    pub output: String,
}

/// Whether a container works, as its health check sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HealthStatus {
    /// There is no check.
    None,
    /// Too early to say.
    Starting,
    /// It works.
    Healthy,
    /// It does not work.
    Unhealthy,
    /// A status this crate does not know.
    Other(String),
}

open_enum!(HealthStatus {
    None = "none",
    Starting = "starting",
    Healthy = "healthy",
    Unhealthy = "unhealthy",
});
