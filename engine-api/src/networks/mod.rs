//! Networks of containers.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::networks::{ConnectNetwork, CreateNetwork};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let networks = docker.networks();
//! let backend = CreateNetwork { name: "backend".into(), internal: true, ..Default::default() };
//! networks.create(backend).await?;
//! let web = ConnectNetwork { container: "web".into(), ..Default::default() };
//! networks.connect("backend", web).await?;
//! let network = networks.inspect("backend", Default::default()).await?;
//! println!("{} containers are in it", network.containers.len());
//! # Ok(())
//! # }
//! ```

mod connect;
mod create;
mod inspect;
mod ipam;
mod list;
mod prune;
mod remove;
mod services;

pub use connect::{ConnectNetwork, DisconnectNetwork};
pub use create::{CreateNetwork, NetworkCreated};
pub use inspect::{ConfigReference, InspectNetwork, Network, NetworkEndpoint, NetworkScope};
pub use ipam::{Ipam, IpamConfig, IpamStatus, NetworkStatus, SubnetStatus};
pub use list::{ListNetworks, NetworkOrigin};
pub use prune::{NetworksPruned, PruneNetworks};
pub use services::{NetworkPeer, NetworkService, NetworkTask};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on networks; see [`Docker::networks`].
///
/// Every `id` is a network's ID, a unique prefix of it, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Networks<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The networks of this engine.
    pub fn networks(&self) -> Networks<'_> {
        Networks { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &create::CREATE.info,
    &connect::CONNECT.info,
    &connect::DISCONNECT.info,
    &list::LIST.info,
    &inspect::INSPECT.info,
    &remove::REMOVE.info,
    &prune::PRUNE.info,
];
