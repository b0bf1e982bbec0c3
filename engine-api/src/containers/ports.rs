//! Ports: published by a container's configuration, and as replies show them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// From a container's port (`80/tcp`) to where it is published; an empty list is "exposed only".
/// Definition `PortMap`.
pub type PortMap = BTreeMap<String, Vec<PortBinding>>;

/// Where on the host a container's port is published. Definition `PortBinding`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortBinding {
    /// The host's address; empty is all of them.
    pub host_ip: String,
    /// The host's port, or a range of them; empty or `0` lets the engine choose.
    pub host_port: String,
}

/// A port in a list of containers. Definition `PortSummary` (`Port` until API 1.51).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct PortSummary {
    /// The host's address that the port is published on; empty when it is not.
    #[serde(rename = "IP")]
    pub ip: String,
    /// The port inside the container.
    pub private_port: u16,
    /// The port on the host; `None` when it is not published.
    pub public_port: Option<u16>,
    /// The protocol.
    #[serde(rename = "Type")]
    pub protocol: PortProtocol,
}

/// What a port speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PortProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// A protocol this crate does not know.
    Other(String),
}

open_enum!(PortProtocol {
    Tcp = "tcp",
    Udp = "udp",
    Sctp = "sctp",
});
