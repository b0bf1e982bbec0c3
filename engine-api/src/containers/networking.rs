//! The endpoints of a container in its networks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Version;
use crate::common::{DriverOptions, StringList};
use crate::wire::requirement::Requirement;

/// The networks that a new container joins. Definition `NetworkingConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkingConfig {
    /// The endpoint in each network, by the network's name or ID. Only one network before API 1.44.
    pub endpoints_config: BTreeMap<String, EndpointSettings>,
}

/// The endpoint of a container in a network. Definition `EndpointSettings`.
///
/// The fields before `network_id` can be set; the engine sets `network_id` and the later fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointSettings {
    /// Requested addresses.
    #[serde(rename = "IPAMConfig")]
    pub ipam_config: Option<EndpointIpamConfig>,
    /// Links to other containers in this network: `name:alias`.
    pub links: StringList,
    /// MAC address; empty if the container is not running. Can be set since API 1.44.
    pub mac_address: String,
    /// Additional names of the container in this network.
    pub aliases: StringList,
    /// Options of the network's driver.
    pub driver_opts: DriverOptions,
    /// Priority: the network with the highest one provides the default gateway. Since API 1.48.
    pub gw_priority: i64,
    /// ID of the network.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// ID of the endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Gateway of the network.
    pub gateway: String,
    /// IPv4 address of the container.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Prefix length of that address.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// IPv6 gateway of the network.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// IPv6 address of the container.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Prefix length of that address.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// All DNS names of the container in this network. Since API 1.44.
    #[serde(rename = "DNSNames")]
    pub dns_names: StringList,
}

/// Requested addresses in a network. Definition `EndpointIPAMConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointIpamConfig {
    /// IPv4 address.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// IPv6 address.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
    /// Link-local addresses.
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
