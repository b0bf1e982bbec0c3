//! The networks of a task, in the form of a swarm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::object_version::ObjectVersion;
use crate::swarm::Driver;

/// A network of a task. Definition `NetworkAttachment`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachment {
    /// The network.
    pub network: SwarmNetwork,
    /// The addresses of the task in the network, with prefix length.
    pub addresses: Vec<String>,
}

/// A network in the form of a swarm; the API description contains the form of an engine, `Network`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmNetwork {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the network.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: SwarmNetworkSpec,
    /// The driver, with its state.
    pub driver_state: Driver,
    /// Its address ranges.
    #[serde(rename = "IPAMOptions")]
    pub ipam_options: Option<SwarmIpam>,
}

/// The specification of a swarm's network. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmNetworkSpec {
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The driver.
    pub driver_configuration: Option<Driver>,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "IPv6Enabled")]
    pub ipv6_enabled: bool,
    /// Whether it is isolated from external networks.
    pub internal: bool,
    /// Whether containers outside services may join it.
    pub attachable: bool,
    /// Whether it carries traffic to published ports.
    pub ingress: bool,
    /// The requested address ranges.
    #[serde(rename = "IPAMOptions")]
    pub ipam_options: Option<SwarmIpam>,
    /// The configuration network whose settings it uses.
    pub config_from: Option<ConfigFrom>,
    /// The scope: `swarm`, `local`.
    pub scope: String,
}

/// A reference to a configuration network. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigFrom {
    /// Its name.
    pub network: String,
}

/// Address ranges of a swarm's network. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmIpam {
    /// The driver that assigns addresses.
    pub driver: Driver,
    /// The ranges.
    pub configs: Vec<SwarmIpamConfig>,
}

/// An address range of a swarm's network. Not in the API description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmIpamConfig {
    /// The range: `10.0.1.0/24`.
    pub subnet: String,
    /// The range for containers.
    pub range: String,
    /// The gateway's address.
    pub gateway: String,
}
