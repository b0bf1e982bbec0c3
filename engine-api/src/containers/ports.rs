//! Types of ports: bindings of the host, and ports in replies.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::common::{Port, PortProtocol};

/// The bindings of a container's ports; an empty list means that the port is only exposed.
/// Definition `PortMap`.
pub type PortMap = BTreeMap<Port, Vec<PortBinding>>;

/// The address and port of the host on which a container's port is published. Definition
/// `PortBinding`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortBinding {
    /// Address of the host; empty is all addresses.
    pub host_ip: String,
    /// Port of the host, or a range; empty or `0` lets the engine choose.
    pub host_port: String,
}

impl From<u16> for PortBinding {
    /// A port on all addresses of the host; 0 lets the engine choose one.
    fn from(port: u16) -> Self {
        Self {
            host_ip: String::new(),
            host_port: port.to_string(),
        }
    }
}

impl From<(&str, u16)> for PortBinding {
    /// A port on one address of the host.
    fn from((ip, port): (&str, u16)) -> Self {
        Self {
            host_ip: ip.to_owned(),
            host_port: port.to_string(),
        }
    }
}

impl From<SocketAddr> for PortBinding {
    fn from(address: SocketAddr) -> Self {
        Self {
            host_ip: address.ip().to_string(),
            host_port: address.port().to_string(),
        }
    }
}

/// A port in a list of containers. Definition `PortSummary` (`Port` until API 1.51).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct PortSummary {
    /// Address of the host that the port is published on; empty if it is not published.
    #[serde(rename = "IP")]
    pub ip: String,
    /// Port inside the container.
    pub private_port: u16,
    /// Port on the host; `None` if it is not published.
    pub public_port: Option<u16>,
    /// Protocol.
    #[serde(rename = "Type")]
    pub protocol: PortProtocol,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_is_made_of_a_port_and_an_address() {
        let address: SocketAddr = "[::1]:8080".parse().unwrap();
        for (binding, ip, port) in [
            (PortBinding::from(8080), "", "8080"),
            (0.into(), "", "0"),
            (("127.0.0.1", 80).into(), "127.0.0.1", "80"),
            (address.into(), "::1", "8080"),
        ] {
            assert_eq!((binding.host_ip.as_str(), binding.host_port.as_str()), (ip, port));
        }
    }
}
