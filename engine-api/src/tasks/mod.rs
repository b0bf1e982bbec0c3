//! Tasks: the containers of services, those that were and those that will be. Only managers answer.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::tasks::{ListTasks, TaskFilters, TaskState};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let of_web = ListTasks {
//!     filters: TaskFilters {
//!         service: vec!["web".into()],
//!         ..Default::default()
//!     },
//! };
//! for task in docker.tasks().list(of_web).await? {
//!     if task.status.state == TaskState::Rejected {
//!         println!("{} on {}: {}", task.id, task.node_id, task.status.err);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod container_spec;
mod list;
mod logs;
mod network;
mod privileges;
mod references;
mod spec;
mod task;

pub use container_spec::{ContainerSpec, DnsConfig};
pub use list::{ListTasks, TaskFilters};
pub use logs::ReadTaskLogs;
pub(crate) use logs::read as read_logs;
pub use network::{
    ConfigFrom, NetworkAttachment, SwarmIpam, SwarmIpamConfig, SwarmNetwork, SwarmNetworkSpec,
};
pub use privileges::{
    AppArmorMode, AppArmorOptions, CredentialSpec, Privileges, SeccompMode, SeccompOptions, SelinuxContext,
};
pub use references::{ConfigReference, ReferenceFile, RuntimeTarget, SecretReference};
pub use spec::{
    NetworkAttachmentConfig, NetworkAttachmentSpec, Placement, PlacementPreference, PluginPrivilege,
    PluginSpec, ResourceLimits, ResourceRequirements, RestartCondition, SpreadOver, TaskRestartPolicy,
    TaskRuntime, TaskSpec,
};
pub use task::{ContainerStatus, PortStatus, Task, TaskState, TaskStatus, VolumeAttachment};

use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::{Framed, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::Output;

static LIST: Operation<Json<Vec<Task>>> = Operation::get("TaskList", "/tasks");
static INSPECT: Operation<Json<Task>> = Operation::get("TaskInspect", "/tasks/{id}");
static LOGS: Operation<Framed> = Operation::get("TaskLogs", "/tasks/{id}/logs");

pub(crate) static OPERATIONS: [&OperationInfo; 3] = [&LIST.info, &INSPECT.info, &LOGS.info];

/// Calls on the tasks of a swarm; see [`Docker::tasks`].
///
/// Every `id` may be a task's id or the start of one that is unique.
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The tasks of the swarm that this engine manages.
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks { docker: self }
    }
}

impl Tasks<'_> {
    /// Lists the tasks that pass the filters, those that ended included.
    pub async fn list(&self, options: ListTasks) -> Result<Vec<Task>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Says all about a task.
    pub async fn inspect(&self, id: &str) -> Result<Task> {
        self.docker.call(&INSPECT).at(id).send().await
    }

    /// Reads what a task has written, and with `follow` what it goes on to write.
    ///
    /// Only the logging drivers `local`, `json-file` and `journald` can be read.
    pub async fn logs(&self, id: &str, options: ReadTaskLogs) -> Result<Output> {
        read_logs(self.docker, &LOGS, id, options, self.has_terminal(id)).await
    }

    async fn has_terminal(&self, id: &str) -> Result<bool> {
        Ok(self.inspect(id).await?.spec.has_terminal())
    }
}
