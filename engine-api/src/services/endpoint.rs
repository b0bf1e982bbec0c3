//! The endpoint of a service.

use serde::{Deserialize, Serialize};

use crate::common::port_config::PortConfig;
use crate::wire::json::open_enum;

/// The requested endpoint of a service. Definition `EndpointSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointSpec {
    /// The addresses to which its name is resolved.
    pub mode: ResolutionMode,
    /// Published ports; with [`ResolutionMode::Dnsrr`] only in
    /// [`PublishMode::Host`](super::PublishMode::Host).
    pub ports: Vec<PortConfig>,
}

/// The addresses to which a service's name is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ResolutionMode {
    /// A virtual IP address, which balances the load over the tasks.
    Vip,
    /// The addresses of the tasks.
    Dnsrr,
    /// A value that this crate does not know; empty is the engine's default, `vip`.
    Other(String),
}

open_enum!(ResolutionMode {
    Vip = "vip",
    Dnsrr = "dnsrr",
});

/// The current endpoint of a service. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Endpoint {
    /// The requested configuration.
    pub spec: EndpointSpec,
    /// Its ports, with those that the swarm chose.
    pub ports: Vec<PortConfig>,
    /// Its address in each network.
    #[serde(rename = "VirtualIPs")]
    pub virtual_ips: Vec<VirtualIp>,
}

/// A service's address in a network. Part of definition `Service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct VirtualIp {
    /// The network's id.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// The address, with the network's prefix length.
    pub addr: String,
}
