//! A published port of a service.

use serde::{Deserialize, Serialize};

use super::port::PortProtocol;
use crate::wire::json::open_enum;

/// A published port. Definition `EndpointPortConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortConfig {
    /// Name of the port.
    pub name: String,
    /// The protocol; empty is TCP.
    pub protocol: PortProtocol,
    /// The port inside the container.
    pub target_port: u16,
    /// The port on the nodes; 0 lets the swarm choose.
    pub published_port: u16,
    /// The nodes on which the port can be reached.
    pub publish_mode: PublishMode,
}

/// The nodes on which a port can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublishMode {
    /// On each.
    Ingress,
    /// On the nodes that run a task.
    Host,
    /// A value that this crate does not know; empty is the engine's default, `ingress`.
    Other(String),
}

open_enum!(PublishMode {
    Ingress = "ingress",
    Host = "host",
});
