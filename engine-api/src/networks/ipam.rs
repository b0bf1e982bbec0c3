//! IP address management of a network, and how many addresses are free.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::DriverOptions;

/// Where a network's addresses come from. Definition `IPAM`.
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
    /// The part of it that containers get addresses from; empty is all of it.
    #[serde(rename = "IPRange")]
    pub ip_range: String,
    /// The gateway's address.
    pub gateway: String,
    /// Addresses that the driver may use or must leave alone, by name.
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// The present state of a network. Definition `NetworkStatus`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkStatus {
    /// The status of its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: IpamStatus,
}

/// How the addresses of a network are used. Definition `IPAMStatus`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct IpamStatus {
    /// By subnet: `172.16.0.0/16`.
    pub subnets: BTreeMap<String, SubnetStatus>,
}

/// How the addresses of a subnet are used. Definition `SubnetStatus`. Since API 1.52.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SubnetStatus {
    /// How many are in use or reserved; `u64::MAX` also stands for more.
    #[serde(rename = "IPsInUse")]
    pub ips_in_use: u64,
    /// How many are free; `u64::MAX` also stands for more.
    #[serde(rename = "DynamicIPsAvailable")]
    pub dynamic_ips_available: u64,
}
