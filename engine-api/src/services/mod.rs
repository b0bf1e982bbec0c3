//! Services: containers that a swarm keeps running on its nodes. Only managers support these calls.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::services::{ServiceMode, ServiceSpec, UpdateService};
//! use engine_api::tasks::{ContainerSpec, TaskSpec};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let services = docker.services();
//! let container = ContainerSpec {
//!     image: "nginx:alpine".into(),
//!     ..Default::default()
//! };
//! let web = ServiceSpec {
//!     name: "web".into(),
//!     task_template: TaskSpec {
//!         kind: Some(container.into()),
//!         ..Default::default()
//!     },
//!     mode: ServiceMode::replicated(2),
//!     ..Default::default()
//! };
//! let created = services.create(web, None).await?;
//! let update = UpdateService::default();
//! services
//!     .edit(&created.id, update, None, |spec| spec.mode = ServiceMode::replicated(4))
//!     .await?;
//! services.remove("web").await?;
//! # Ok(())
//! # }
//! ```

mod create;
mod edit;
mod endpoint;
mod inspect;
mod list;
mod logs;
mod mode;
mod remove;
mod spec;
mod update;

pub use create::ServiceCreated;
pub use endpoint::{Endpoint, EndpointSpec, ResolutionMode, VirtualIp};
pub use inspect::{InspectService, JobStatus, Service, ServiceStatus, UpdateState, UpdateStatus};
pub use list::{ListServices, ServiceFilters};
pub use mode::{ServiceMode, ServiceModeName};
pub use spec::{FailureAction, RollbackConfig, ServiceSpec, UpdateConfig, UpdateOrder};
pub use update::{RegistryAuthFrom, ServiceUpdated, UpdateService};

pub use crate::common::port_config::{PortConfig, PublishMode};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on the services of a swarm; see [`Docker::services`].
///
/// Every `id` is a service's ID, a unique prefix of it, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Services<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The services of the swarm that this engine manages.
    pub fn services(&self) -> Services<'_> {
        Services { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &list::LIST.info,
    &create::CREATE.info,
    &inspect::INSPECT.info,
    &remove::REMOVE.info,
    &update::UPDATE.info,
    &logs::LOGS.info,
];
