//! A published port of a service.

use serde::{Deserialize, Serialize};

use super::port::PortProtocol;
use crate::wire::json::open_enum;

/// A port that is reached from outside. Definition `EndpointPortConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortConfig {
    /// A name for it.
    pub name: String,
    /// The protocol; empty is TCP.
    pub protocol: PortProtocol,
    /// The port inside the container.
    pub target_port: u16,
    /// The port of the nodes; 0 lets the swarm choose.
    pub published_port: u16,
    /// On which nodes.
    pub publish_mode: PublishMode,
}

/// On which nodes a port is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublishMode {
    /// On each.
    Ingress,
    /// On those with a task.
    Host,
    /// A word this crate does not know; empty is the engine's default, `ingress`.
    Other(String),
}

open_enum!(PublishMode {
    Ingress = "ingress",
    Host = "host",
});
