//! An engine's part in a swarm.

use serde::{Deserialize, Serialize};

use crate::swarm::ClusterInfo;
use crate::system::LocalNodeState;

/// An engine's part in a swarm. Definition `SwarmInfo`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmInfo {
    /// The node's id; empty outside a swarm.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The address at which other nodes reach it.
    pub node_addr: String,
    /// Whether the engine is in a swarm.
    pub local_node_state: LocalNodeState,
    /// Whether it is a manager that can change the swarm.
    pub control_available: bool,
    /// What keeps the node from working.
    pub error: String,
    /// The managers it knows.
    pub remote_managers: Vec<PeerNode>,
    /// How many nodes the swarm has; only managers know.
    pub nodes: i64,
    /// How many of them are managers.
    pub managers: i64,
    /// The swarm; only managers know.
    pub cluster: Option<ClusterInfo>,
    /// What the swarm complains about; not in the API description.
    pub warnings: Vec<String>,
}

/// A manager that a node knows. Definition `PeerNode`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PeerNode {
    /// The node's id.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its address and port.
    pub addr: String,
}
