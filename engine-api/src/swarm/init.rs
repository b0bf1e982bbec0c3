//! Create a swarm.

use serde::Serialize;

use super::Swarm;
use super::spec::SwarmSpec;
use crate::common::node_availability::NodeAvailability;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INIT: Operation<Json<String>> = Operation::post("SwarmInit", "/swarm/init");

impl Swarm<'_> {
    /// Creates a swarm with this engine as its first manager, and returns the node's id.
    ///
    /// # Errors
    ///
    /// 503 when the engine is already in a swarm.
    pub async fn init(&self, swarm: InitSwarm) -> Result<String> {
        self.docker
            .call(&INIT)
            .json(&swarm)
            .reject_if(swarm.check())
            .send()
            .await
    }
}

/// The default address on which managers listen.
pub(super) const EVERYWHERE: &str = "0.0.0.0:2377";

/// A swarm to create. Body of `SwarmInit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InitSwarm {
    /// The address on which managers listen: an address or an interface, with a port. The default
    /// is port 2377 of all addresses.
    pub listen_addr: String,
    /// The advertised address of this node for other nodes; empty detects it if there is only one.
    pub advertise_addr: String,
    /// The address of traffic between containers; empty is the advertised one.
    pub data_path_addr: String,
    /// The UDP port of traffic between containers, 1024 to 49151; 0 is 4789.
    pub data_path_port: u32,
    /// The address pools of overlay networks: `10.10.0.0/16`.
    pub default_addr_pool: Vec<String>,
    /// The prefix length of each network; 0 is 24.
    pub subnet_size: u32,
    /// Whether to create a new swarm from the state of the engine's current swarm.
    pub force_new_cluster: bool,
    /// Whether this node accepts tasks; empty is yes. Not in the API description.
    pub availability: NodeAvailability,
    /// The specification of the swarm; its `encryption_config` decides whether managers lock their
    /// data.
    pub spec: SwarmSpec,
}

impl Default for InitSwarm {
    fn default() -> Self {
        Self {
            listen_addr: EVERYWHERE.into(), // engines refuse an empty one
            advertise_addr: String::new(),
            data_path_addr: String::new(),
            data_path_port: 0,
            default_addr_pool: Vec::new(),
            subnet_size: 0,
            force_new_cluster: false,
            availability: Default::default(),
            spec: SwarmSpec::default(),
        }
    }
}

impl InitSwarm {
    fn check(&self) -> Option<String> {
        let port = self.data_path_port;
        let strange = port != 0 && !(1024..=49151).contains(&port);
        if strange {
            return Some(format!("data_path_port is {port}, not in 1024 to 49151"));
        }
        check_listen_addr(&self.listen_addr)
    }
}

pub(super) fn check_listen_addr(addr: &str) -> Option<String> {
    addr.is_empty()
        .then(|| "listen_addr is empty; write an address such as 0.0.0.0:2377".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn init_listens_on_all_addresses_by_default() {
        let text = encode(&InitSwarm::default()).unwrap();
        assert_eq!(text, br#"{"ListenAddr":"0.0.0.0:2377"}"#);
        assert_eq!(InitSwarm::default().check(), None);
        let odd = InitSwarm {
            data_path_port: 80,
            ..Default::default()
        };
        assert!(odd.check().unwrap().contains("80"));
    }
}
