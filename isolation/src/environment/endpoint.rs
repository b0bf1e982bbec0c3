//! The address of a published port.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::published_port::Protocol;

/// A published port and its address.
///
/// `Display` writes `host:port`, with brackets around an IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Endpoint {
    /// The port inside the environment.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The name or IP address of the host, an IPv6 address without brackets.
    pub host: String,
    /// The port of the host.
    pub host_port: u16,
    /// Whether this machine can reach it. A port on the loopback address of another machine can be
    /// reached only there.
    pub reachable: bool,
    /// Whether this process forwards the port, because the network of the environment publishes no
    /// ports. The endpoint ends with this process, or with its handles of the environment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forwarded: bool,
}

impl Endpoint {
    /// An endpoint that this machine can reach.
    pub fn new(port: u16, protocol: Protocol, host: impl Into<String>, host_port: u16) -> Self {
        Self {
            port,
            protocol,
            host: host.into(),
            host_port,
            reachable: true,
            forwarded: false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, host_port, .. } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{host_port}"),
            false => write!(f, "{host}:{host_port}"),
        }
    }
}

impl std::net::ToSocketAddrs for Endpoint {
    type Iter = std::vec::IntoIter<std::net::SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        (self.host.as_str(), self.host_port).to_socket_addrs()
    }
}
