//! Swarms: creating, joining, leaving and configuring them.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::swarm::{InitSwarm, LeaveSwarm};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let swarm = docker.swarm();
//! let node = swarm
//!     .init(InitSwarm {
//!         advertise_addr: "192.168.1.1".into(),
//!         ..Default::default()
//!     })
//!     .await?;
//! assert!(!node.is_empty());
//! let token = swarm.inspect().await?.join_tokens.worker; // what another node joins with
//! assert!(token.starts_with("SWMTKN-"));
//! swarm.leave(LeaveSwarm { force: true }).await?;
//! # Ok(())
//! # }
//! ```

mod cluster_info;
mod init;
mod inspect;
mod join;
mod leave;
mod payload;
mod spec;
mod unlock;
mod update;

pub use cluster_info::ClusterInfo;
pub use init::InitSwarm;
pub use inspect::{JoinTokens, SwarmDetails};
pub use join::JoinSwarm;
pub use leave::LeaveSwarm;
pub use payload::Payload;
pub use spec::{
    CaConfig, Dispatcher, Driver, EncryptionConfig, ExternalCa, ExternalCaProtocol, Orchestration, Raft,
    SwarmSpec, TaskDefaults,
};
pub use unlock::UnlockKey;
pub use update::UpdateSwarm;

pub use crate::common::object_version::ObjectVersion;
pub use crate::common::resources::{DiscreteResource, GenericResource, NamedResource, Platform, Resources};
pub use crate::common::tls_info::TlsInfo;

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on the swarm that an engine is in; see [`Docker::swarm`].
///
/// An engine that is not a manager replies with status 503.
#[derive(Debug, Clone, Copy)]
pub struct Swarm<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The swarm that this engine is in.
    pub fn swarm(&self) -> Swarm<'_> {
        Swarm { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &inspect::INSPECT.info,
    &init::INIT.info,
    &join::JOIN.info,
    &leave::LEAVE.info,
    &update::UPDATE.info,
    &unlock::UNLOCK_KEY.info,
    &unlock::UNLOCK.info,
];
