//! Inspect a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Nodes;
use super::update::NodeSpec;
use crate::common::object_version::ObjectVersion;
use crate::common::resources::{Platform, Resources};
use crate::common::tls_info::TlsInfo;
use crate::common::topology::Topology;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Node>> = Operation::get("NodeInspect", "/nodes/{id}");

impl Nodes<'_> {
    /// Returns the details of a node.
    pub async fn inspect(&self, id: &str) -> Result<Node> {
        self.docker.call(&INSPECT).at(id).send().await
    }
}

/// A node of a swarm. Definition `Node`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Node {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the node; an update must send it.
    pub version: ObjectVersion,
    /// Time at which it joined the swarm, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: NodeSpec,
    /// Its description: host name, platform, resources, engine.
    pub description: NodeDescription,
    /// Its status.
    pub status: NodeStatus,
    /// Its status as a manager; `None` for a worker.
    pub manager_status: Option<ManagerStatus>,
}

/// The description of a node: host name, platform, resources, engine. Definition `NodeDescription`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeDescription {
    /// The host's name.
    pub hostname: String,
    /// Its platform.
    pub platform: Platform,
    /// Its resources.
    pub resources: Resources,
    /// The engine.
    pub engine: EngineDescription,
    /// The certificates that it trusts.
    #[serde(rename = "TLSInfo")]
    pub tls_info: TlsInfo,
    /// Its storage plugins; not in the API description. Since API 1.42.
    #[serde(rename = "CSIInfo")]
    pub csi_info: Vec<CsiInfo>,
}

/// The engine of a node. Definition `EngineDescription`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct EngineDescription {
    /// Its version: `28.5.2`.
    pub engine_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its drivers.
    pub plugins: Vec<EnginePlugin>,
}

/// A driver of an engine. Part of definition `EngineDescription`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct EnginePlugin {
    /// Its kind: `Log`, `Network`, `Volume`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its name: `json-file`.
    pub name: String,
}

/// A storage plugin (CSI) of a node. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct CsiInfo {
    /// The plugin's name.
    pub plugin_name: String,
    /// The node's id in the plugin.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Maximum number of volumes of the plugin on the node; 0 is unlimited.
    pub max_volumes_per_node: i64,
    /// The topology of the node for the plugin.
    pub accessible_topology: Option<Topology>,
}

/// The status of a node. Definition `NodeStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeStatus {
    /// Its state.
    pub state: NodeState,
    /// The reason for the state.
    pub message: String,
    /// Its address.
    pub addr: String,
}

/// The state of a node. Definition `NodeState`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// The state is not known yet.
    Unknown,
    /// The node is down.
    Down,
    /// It works.
    Ready,
    /// The node is disconnected: it does not reply.
    Disconnected,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(NodeState {
    Unknown = "unknown",
    Down = "down",
    Ready = "ready",
    Disconnected = "disconnected",
});

/// The status of a node as a manager. Definition `ManagerStatus`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManagerStatus {
    /// Whether it is the leader of the managers.
    pub leader: bool,
    /// Whether the other managers can reach it.
    pub reachability: Reachability,
    /// Its address and port.
    pub addr: String,
}

/// Whether the other managers can reach a manager. Definition `Reachability`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reachability {
    /// The reachability is not known yet.
    Unknown,
    /// It cannot be reached.
    Unreachable,
    /// It is.
    Reachable,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(Reachability {
    Unknown = "unknown",
    Unreachable = "unreachable",
    Reachable = "reachable",
});
