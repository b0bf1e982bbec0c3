//! Swarms: making one, joining and leaving it, and what is set about it.
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

mod calls;
mod cluster;
mod join;
mod payload;
mod resources;
mod spec;
mod tokens;

pub use cluster::{ClusterInfo, ObjectVersion, TlsInfo};
pub use join::{InitSwarm, JoinSwarm, LeaveSwarm, UpdateSwarm};
pub use payload::Payload;
pub use resources::{DiscreteResource, GenericResource, NamedResource, Platform, Resources};
pub use spec::{
    CaConfig, Dispatcher, Driver, EncryptionConfig, ExternalCa, ExternalCaProtocol, Orchestration, Raft,
    SwarmSpec, TaskDefaults,
};
pub use tokens::{JoinTokens, SwarmDetails, UnlockKey};

use crate::client::Docker;

pub(crate) use calls::OPERATIONS;

/// Calls on the swarm that an engine is in; see [`Docker::swarm`].
///
/// An engine that is no manager of one answers 503.
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
