//! Networks: who can reach whom.
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
mod services;

pub use connect::{ConnectNetwork, DisconnectNetwork};
pub use create::{CreateNetwork, NetworkCreated};
pub use inspect::{ConfigReference, InspectNetwork, Network, NetworkEndpoint, NetworkScope};
pub use ipam::{Ipam, IpamConfig, IpamStatus, NetworkStatus, SubnetStatus};
pub use list::{ListNetworks, NetworkOrigin};
pub use prune::{NetworksPruned, PruneNetworks};
pub use services::{NetworkPeer, NetworkService, NetworkTask};

use crate::Version;
use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};

static LIST: Operation<Json<Vec<Network>>> = Operation::get("NetworkList", "/networks");
static INSPECT: Operation<Json<Network>> = Operation::get("NetworkInspect", "/networks/{id}");
static REMOVE: Operation<Empty> = Operation::delete("NetworkDelete", "/networks/{id}").success(&[204]);
static CREATE: Operation<Json<NetworkCreated>> =
    Operation::post("NetworkCreate", "/networks/create").success(&[201]);
static CONNECT: Operation<Empty> = Operation::post("NetworkConnect", "/networks/{id}/connect");
static DISCONNECT: Operation<Empty> = Operation::post("NetworkDisconnect", "/networks/{id}/disconnect");
static PRUNE: Operation<Json<NetworksPruned>> = Operation::post("NetworkPrune", "/networks/prune").slow();

pub(crate) static OPERATIONS: [&OperationInfo; 7] = [
    &LIST.info,
    &INSPECT.info,
    &REMOVE.info,
    &CREATE.info,
    &CONNECT.info,
    &DISCONNECT.info,
    &PRUNE.info,
];

/// Calls on networks; see [`Docker::networks`].
///
/// Every `id` may be a network's id, the start of one that is unique, or its name.
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

impl Networks<'_> {
    /// Lists networks; what is in them only [`Networks::inspect`] tells.
    pub async fn list(&self, options: ListNetworks) -> Result<Vec<Network>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Tells all about a network.
    pub async fn inspect(&self, id: &str, options: InspectNetwork) -> Result<Network> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Removes a network.
    ///
    /// # Errors
    ///
    /// 403 when it is predefined or a container that runs is in it ([`crate::Error::is_forbidden`]);
    /// Podman says 500.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }

    /// Makes a network.
    ///
    /// # Errors
    ///
    /// 409 when the name is taken, 403 when it is that of a predefined network or the driver needs a
    /// swarm (500 on older engines), 404 when there is no such driver. Podman says 500 for all but the first.
    pub async fn create(&self, network: CreateNetwork) -> Result<NetworkCreated> {
        self.docker
            .call(&CREATE)
            .about(&network.name)
            .json(&network)
            .reject_if(network.wrong())
            .needs(
                network.enable_ipv4 == Some(false),
                "CreateNetwork::enable_ipv4",
                Version::new(1, 48),
            )
            .send()
            .await
    }

    /// Puts a container into a network; one that runs is reachable there at once.
    ///
    /// # Errors
    ///
    /// 403 when it is in it already ([`crate::Error::is_forbidden`]), 400 when the network is not one
    /// that containers may join, such as `host`.
    pub async fn connect(&self, id: &str, options: ConnectNetwork) -> Result<()> {
        self.docker
            .call(&CONNECT)
            .at(id)
            .json(&options)
            .reject_if(connect::nobody(&options.container))
            .needs_all(options.newer())
            .send()
            .await
    }

    /// Takes a container out of a network.
    ///
    /// # Errors
    ///
    /// 500 when it is not in it; 404 when there is no such network or, unless forced, container.
    pub async fn disconnect(&self, id: &str, options: DisconnectNetwork) -> Result<()> {
        self.docker
            .call(&DISCONNECT)
            .at(id)
            .json(&options)
            .reject_if(connect::nobody(&options.container))
            .send()
            .await
    }

    /// Removes the networks that no container is in and that pass the filters.
    pub async fn prune(&self, options: PruneNetworks) -> Result<NetworksPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }
}
