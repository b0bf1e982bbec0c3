//! Nodes: the engines of a swarm. Only managers support these calls.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::nodes::{ListNodes, NodeAvailability};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let nodes = docker.nodes();
//! for mut node in nodes.list(ListNodes::default()).await? {
//!     println!("{} {}", node.description.hostname, node.status.state);
//!     node.spec.availability = NodeAvailability::Drain;
//!     nodes.update(&node.id, node.version, node.spec).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod inspect;
mod list;
mod remove;
mod update;

pub use inspect::{
    CsiInfo, EngineDescription, EnginePlugin, ManagerStatus, Node, NodeDescription, NodeState, NodeStatus,
    Reachability,
};
pub use list::{ListNodes, NodeFilters};
pub use remove::RemoveNode;
pub use update::{NodeMembership, NodeRole, NodeSpec};

pub use crate::common::node_availability::NodeAvailability;

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on the nodes of a swarm; see [`Docker::nodes`].
///
/// Every `id` is a node's ID, a unique prefix of it, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The nodes of the swarm that this engine manages.
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &list::LIST.info,
    &inspect::INSPECT.info,
    &remove::REMOVE.info,
    &update::UPDATE.info,
];
