//! IP address management of a network, and the usage of its addresses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::DriverOptions;

/// The management of a network's addresses. Definition `IPAM`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ipam {
    /// The driver that assigns them; empty is `default`.
    pub driver: String,
    /// The ranges, one for each subnet.
    pub config: Vec<IpamConfig>,
    /// Options for the driver.
    pub options: DriverOptions,
}

/// One subnet of a network. Definition `IPAMConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IpamConfig {
    /// All addresses of the subnet: `172.20.0.0/16`.
    pub subnet: String,
    /// The range for containers in the subnet; empty is the whole subnet.
    #[serde(rename = "IPRange")]
    pub ip_range: String,
    /// The gateway's address.
    pub gateway: String,
    /// Auxiliary addresses for the driver, by name; containers do not get them.
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// The current state of a network. Definition `NetworkStatus`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkStatus {
    /// The status of its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: IpamStatus,
}

/// The usage of a network's addresses. Definition `IPAMStatus`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct IpamStatus {
    /// By subnet: `172.16.0.0/16`.
    pub subnets: BTreeMap<String, SubnetStatus>,
}

/// The usage of a subnet's addresses. Definition `SubnetStatus`. Since API 1.52.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SubnetStatus {
    /// Number of addresses in use or reserved; `u64::MAX` means this number or more.
    #[serde(rename = "IPsInUse")]
    pub ips_in_use: u64,
    /// Number of free addresses; `u64::MAX` means this number or more.
    #[serde(rename = "DynamicIPsAvailable")]
    pub dynamic_ips_available: u64,
}
