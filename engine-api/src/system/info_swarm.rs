//! The swarm status of an engine.

use serde::{Deserialize, Serialize};

use crate::swarm::ClusterInfo;
use crate::system::LocalNodeState;

/// The swarm status of an engine. Definition `SwarmInfo`.
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
    /// The error that prevents the node from working.
    pub error: String,
    /// The managers that it knows.
    pub remote_managers: Vec<PeerNode>,
    /// Number of nodes in the swarm; only managers return it.
    pub nodes: i64,
    /// Number of managers in the swarm.
    pub managers: i64,
    /// The swarm; only managers return it.
    pub cluster: Option<ClusterInfo>,
    /// Warnings of the swarm; not in the API description.
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
