//! Inspect a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tasks;
use super::network::NetworkAttachment;
use super::spec::TaskSpec;
use crate::common::object_version::ObjectVersion;
use crate::common::port_config::PortConfig;
use crate::common::resources::GenericResource;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Task>> = Operation::get("TaskInspect", "/tasks/{id}");

impl Tasks<'_> {
    /// Returns the details of a task.
    pub async fn inspect(&self, id: &str) -> Result<Task> {
        self.docker.call(&INSPECT).at(id).send().await
    }
}

/// A task: a current or past container of a service. Definition `Task`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Task {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the task.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The name; engines leave it empty.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The requested configuration.
    pub spec: TaskSpec,
    /// The ID of its service.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// The number of the replica in the service, from 1; 0 in a global service.
    pub slot: i64,
    /// The id of its node; empty until it is assigned.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its generic resources; the API description calls it `AssignedGenericResources`.
    #[serde(alias = "AssignedGenericResources")]
    pub generic_resources: Vec<GenericResource>,
    /// Its status.
    pub status: TaskStatus,
    /// Its desired state.
    pub desired_state: TaskState,
    /// The run of the service, if it is a job.
    pub job_iteration: Option<ObjectVersion>,
    /// Its networks.
    pub networks_attachments: Vec<NetworkAttachment>,
    /// Its cluster volumes; not in the API description. Since API 1.42.
    pub volumes: Vec<VolumeAttachment>,
}

/// A cluster volume of a task. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeAttachment {
    /// The volume's id in the swarm.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The source of the mount: a name, or `group:…`.
    pub source: String,
    /// The path inside the container.
    pub target: String,
}

/// The status of a task. Definition `TaskStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskStatus {
    /// Time of the last change of the state, in RFC 3339.
    pub timestamp: String,
    /// Its state.
    pub state: TaskState,
    /// The message of the node.
    pub message: String,
    /// The reason why it failed or waits.
    pub err: String,
    /// Its container, if there is one.
    pub container_status: Option<ContainerStatus>,
    /// Its ports of the host.
    pub port_status: PortStatus,
}

/// The container of a task. Definition `ContainerStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerStatus {
    /// Its ID on the node of the task.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// The PID; 0 if it does not run.
    #[serde(rename = "PID")]
    pub pid: i64,
    /// Its exit code; also 0 while it runs.
    pub exit_code: i64,
}

/// The host ports of a task. Definition `PortStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PortStatus {
    /// The ports.
    pub ports: Vec<PortConfig>,
}

/// The state of a task. A task never returns to an earlier state. Definition `TaskState`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// It has been created.
    New,
    /// It has addresses.
    Allocated,
    /// It waits for a node.
    Pending,
    /// It has a node.
    Assigned,
    /// The node has accepted it.
    Accepted,
    /// The image is being pulled, and the container created.
    Preparing,
    /// The container could be started.
    Ready,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It exited with code 0.
    Complete,
    /// It was stopped.
    Shutdown,
    /// It exited with another code.
    Failed,
    /// The node could not run it.
    Rejected,
    /// It will be removed.
    Remove,
    /// Its node was unreachable for too long.
    Orphaned,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(TaskState {
    New = "new",
    Allocated = "allocated",
    Pending = "pending",
    Assigned = "assigned",
    Accepted = "accepted",
    Preparing = "preparing",
    Ready = "ready",
    Starting = "starting",
    Running = "running",
    Complete = "complete",
    Shutdown = "shutdown",
    Failed = "failed",
    Rejected = "rejected",
    Remove = "remove",
    Orphaned = "orphaned",
});
