//! Nodes, services and tasks that use a network of a swarm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A node of an overlay network. Definition `PeerInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkPeer {
    /// The node's id within the network, 12 hexadecimal digits.
    pub name: String,
    /// The node's address.
    #[serde(rename = "IP")]
    pub ip: String,
}

/// A service that uses a network. Definition `ServiceInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkService {
    /// The virtual IP address of the service.
    #[serde(rename = "VIP")]
    pub vip: String,
    /// The ports it publishes.
    pub ports: Vec<String>,
    /// The firewall mark of its traffic on this node.
    #[serde(rename = "LocalLBIndex")]
    pub local_lb_index: i64,
    /// Its tasks.
    pub tasks: Vec<NetworkTask>,
}

/// A task of a service that uses a network. Definition `NetworkTaskInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkTask {
    /// The task's name.
    pub name: String,
    /// The ID of its endpoint in the network.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its address.
    #[serde(rename = "EndpointIP")]
    pub endpoint_ip: String,
    /// Details from the driver, such as `Host IP`.
    pub info: BTreeMap<String, String>,
}
