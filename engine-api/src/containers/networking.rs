//! A container's place in a network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Version;
use crate::common::{DriverOptions, StringList};
use crate::wire::requirement::Requirement;

/// Which networks a new container joins. Definition `NetworkingConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkingConfig {
    /// From a network's name or id to how the container joins it. One network before API 1.44.
    pub endpoints_config: BTreeMap<String, EndpointSettings>,
}

/// How a container is part of a network. Definition `EndpointSettings`.
///
/// The first fields can be asked for; those from `network_id` on are the engine's answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointSettings {
    /// The addresses that were asked for.
    #[serde(rename = "IPAMConfig")]
    pub ipam_config: Option<EndpointIpamConfig>,
    /// Links to other containers in this network: `name:alias`.
    pub links: StringList,
    /// The hardware address; empty when the container does not run. Can be asked for since API 1.44.
    pub mac_address: String,
    /// Further names of the container in this network.
    pub aliases: StringList,
    /// Options that are handed to the network's driver.
    pub driver_opts: DriverOptions,
    /// The network with the highest number gives the default gateway. Since API 1.48.
    pub gw_priority: i64,
    /// The network's id.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// The id of this place in the network.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// The network's gateway.
    pub gateway: String,
    /// The container's IPv4 address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// How many bits of that address name the network.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// The network's gateway for IPv6.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// The container's IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// How many bits of that address name the network.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// All names that other containers in this network can use. Since API 1.44.
    #[serde(rename = "DNSNames")]
    pub dns_names: StringList,
}

/// Addresses to ask for in a network. Definition `EndpointIPAMConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointIpamConfig {
    /// The IPv4 address.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// The IPv6 address.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
    /// Addresses that are valid on the link only.
    #[serde(rename = "LinkLocalIPs")]
    pub link_local_ips: StringList,
}

impl NetworkingConfig {
    pub(super) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let endpoints = &self.endpoints_config;
        let mut all = endpoints.values();
        let several = endpoints.len() > 1;
        let priority = all.clone().any(|endpoint| endpoint.gw_priority != 0);
        let mac_address = all.any(|endpoint| !endpoint.mac_address.is_empty());
        [
            Requirement::since(
                several,
                "more than one network in CreateContainer",
                Version::new(1, 44),
            ),
            Requirement::since(priority, "EndpointSettings::gw_priority", Version::new(1, 48)),
            Requirement::since(mac_address, "EndpointSettings::mac_address", Version::new(1, 44)),
        ]
        .into_iter()
        .flatten()
    }
}
