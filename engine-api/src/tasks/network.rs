//! The networks that a task is in, as a swarm knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::object_version::ObjectVersion;
use crate::swarm::Driver;

/// A network that a task is in. Definition `NetworkAttachment`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachment {
    /// The network.
    pub network: SwarmNetwork,
    /// The task's addresses there, with the network's prefix length.
    pub addresses: Vec<String>,
}

/// A network as a swarm knows it; the API description shows the engine's view, `Network`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmNetwork {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the network.
    pub version: ObjectVersion,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: SwarmNetworkSpec,
    /// The driver, with what it decided.
    pub driver_state: Driver,
    /// The address ranges that it got.
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
    /// Whether containers outside of services may be in it.
    pub attachable: bool,
    /// Whether it carries traffic to published ports.
    pub ingress: bool,
    /// The address ranges asked for.
    #[serde(rename = "IPAMOptions")]
    pub ipam_options: Option<SwarmIpam>,
    /// The network that has its configuration.
    pub config_from: Option<ConfigFrom>,
    /// How far it reaches: `swarm`, `local`.
    pub scope: String,
}

/// The network that has another one's configuration. Not in the API description.
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
    /// Who gives out addresses.
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
    /// The part of it that containers get addresses from.
    pub range: String,
    /// The gateway's address.
    pub gateway: String,
}
