//! Nodes: the engines that make up a swarm. Only its managers answer.
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
//!     nodes.update(&node.id, node.version, &node.spec).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod list;
mod node;
mod spec;

pub use list::{ListNodes, NodeFilters};
pub use node::{
    CsiInfo, EngineDescription, EnginePlugin, ManagerStatus, Node, NodeDescription, NodeState, NodeStatus,
    Reachability,
};
pub use spec::{NodeAvailability, NodeMembership, NodeRole, NodeSpec};

use crate::client::Docker;
use crate::error::Result;
use crate::swarm::ObjectVersion;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;

static LIST: Operation<Json<Vec<Node>>> = Operation::get("NodeList", "/nodes");
static INSPECT: Operation<Json<Node>> = Operation::get("NodeInspect", "/nodes/{id}");
static REMOVE: Operation<Empty> = Operation::delete("NodeDelete", "/nodes/{id}");
static UPDATE: Operation<Empty> = Operation::post("NodeUpdate", "/nodes/{id}/update");

pub(crate) static OPERATIONS: [&OperationInfo; 4] = [&LIST.info, &INSPECT.info, &REMOVE.info, &UPDATE.info];

/// Calls on the nodes of a swarm; see [`Docker::nodes`].
///
/// Every `id` may be a node's id, the start of one that is unique, or its name.
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

/// How to remove a node. Query of `NodeDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveNode {
    /// Whether to remove it even if it is not down, or is a manager.
    pub force: bool,
}

impl RemoveNode {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

impl Nodes<'_> {
    /// Lists the nodes that pass the filters.
    pub async fn list(&self, options: ListNodes) -> Result<Vec<Node>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Says all about a node.
    pub async fn inspect(&self, id: &str) -> Result<Node> {
        self.docker.call(&INSPECT).at(id).send().await
    }

    /// Removes a node from the swarm.
    ///
    /// # Errors
    ///
    /// 400 or 500 when it is not down, or is a manager, and `force` is not set.
    pub async fn remove(&self, id: &str, options: RemoveNode) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Changes what is set about a node, which `version` of it `spec` was made from.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the node has changed since.
    pub async fn update(&self, id: &str, version: ObjectVersion, spec: &NodeSpec) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(Query::new().set("version", version.index))
            .json(spec)
            .send()
            .await
    }
}
