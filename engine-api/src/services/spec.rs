//! What can be set about a service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointSpec, ServiceMode};
use crate::tasks::{NetworkAttachmentConfig, TaskSpec};
use crate::wire::json::open_enum;

/// What can be set about a service. Definition `ServiceSpec`, body of `ServiceCreate` and
/// `ServiceUpdate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceSpec {
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What its tasks are like.
    pub task_template: TaskSpec,
    /// How many tasks it has.
    pub mode: ServiceMode,
    /// How its tasks are replaced after an update; `None` is the swarm's default, one by one.
    pub update_config: Option<UpdateConfig>,
    /// How its tasks are replaced when an update is taken back; `None` is the swarm's default.
    pub rollback_config: Option<RollbackConfig>,
    /// The networks that its containers are in; from API 1.44 on, use [`TaskSpec::networks`].
    pub networks: Vec<NetworkAttachmentConfig>,
    /// How it is reached; `None` is by an address of its own.
    pub endpoint_spec: Option<EndpointSpec>,
}

/// How tasks are replaced. Part of definition `ServiceSpec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateConfig {
    /// How many at the same time; 0 is all.
    pub parallelism: u64,
    /// Nanoseconds between two steps.
    pub delay: i64,
    /// What to do when too many fail.
    pub failure_action: FailureAction,
    /// For how many nanoseconds a new task is watched for failure; 0 is five seconds.
    pub monitor: i64,
    /// Which part of the tasks may fail, from 0 to 1.
    pub max_failure_ratio: f64,
    /// Whether the old task stops first.
    pub order: UpdateOrder,
}

/// How tasks are replaced when an update is taken back; [`FailureAction::Rollback`] makes no sense here.
pub type RollbackConfig = UpdateConfig;

/// What to do when too many new tasks fail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FailureAction {
    /// To go on.
    Continue,
    /// To stop the update.
    Pause,
    /// To take the update back.
    Rollback,
    /// A word this crate does not know; empty is the engine's default, `pause`.
    Other(String),
}

open_enum!(FailureAction {
    Continue = "continue",
    Pause = "pause",
    Rollback = "rollback",
});

/// Whether the old task stops before the new one starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpdateOrder {
    /// It does.
    StopFirst,
    /// The new one starts first.
    StartFirst,
    /// A word this crate does not know; empty is the engine's default, `stop-first`.
    Other(String),
}

open_enum!(UpdateOrder {
    StopFirst = "stop-first",
    StartFirst = "start-first",
});
