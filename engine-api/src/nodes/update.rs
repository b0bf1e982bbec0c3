//! Change the specification of a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Nodes;
use crate::common::node_availability::NodeAvailability;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static UPDATE: Operation<Empty> = Operation::post("NodeUpdate", "/nodes/{id}/update");

impl Nodes<'_> {
    /// Replaces the specification of a node. `version` is the version with which `spec` was read.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the node has changed since.
    pub async fn update(&self, id: &str, version: ObjectVersion, spec: NodeSpec) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(Query::new().set("version", version.index))
            .json(&spec)
            .send()
            .await
    }
}

/// The specification of a node. Definition `NodeSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeSpec {
    /// An additional name; empty uses the host name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Worker or manager; an update must send it.
    pub role: NodeRole,
    /// Whether it accepts tasks; an update must send it.
    pub availability: NodeAvailability,
}

/// The role of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeRole {
    /// It only runs tasks.
    Worker,
    /// It manages the swarm, and runs tasks, too.
    Manager,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(NodeRole {
    Worker = "worker",
    Manager = "manager",
});

/// Whether a node was accepted into the swarm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NodeMembership {
    /// It has.
    Accepted,
    /// It waits for acceptance.
    Pending,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(NodeMembership {
    Accepted = "accepted",
    Pending = "pending",
});
