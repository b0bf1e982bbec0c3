//! Tasks: the containers of services, past, present and planned. Only managers support these calls.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::tasks::{ListTasks, TaskFilters, TaskState};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let of_web = ListTasks {
//!     filters: TaskFilters {
//!         service: ["web"].into(),
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
mod inspect;
mod list;
mod logs;
mod network;
mod privileges;
mod references;
mod spec;

pub use container_spec::{ContainerSpec, DnsConfig};
pub use inspect::{ContainerStatus, PortStatus, Task, TaskState, TaskStatus, VolumeAttachment};
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
    PluginSpec, ResourceLimits, ResourceRequirements, RestartCondition, SpreadOver, TaskKind,
    TaskRestartPolicy, TaskRuntime, TaskSpec,
};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on the tasks of a swarm; see [`Docker::tasks`].
///
/// Every `id` is a task's ID or a unique prefix of it.
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

pub(crate) static OPERATIONS: &[&OperationInfo] =
    &[&list::LIST.info, &inspect::INSPECT.info, &logs::LOGS.info];
