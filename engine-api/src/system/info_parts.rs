//! The parts of what an engine says about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// What manages the control groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupDriver {
    /// The engine itself, through the file system.
    Cgroupfs,
    /// systemd.
    Systemd,
    /// Nothing: an engine without root rights on a host that delegates none.
    None,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(CgroupDriver {
    Cgroupfs = "cgroupfs",
    Systemd = "systemd",
    None = "none",
});

/// The version of the host's control groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupVersion {
    /// One hierarchy for each kind of resource.
    V1,
    /// One hierarchy for all.
    V2,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(CgroupVersion { V1 = "1", V2 = "2" });

/// The plugins of an engine, by what they do. Definition `PluginsInfo`.
///
/// Built-in drivers are listed too; plugins of the old kind appear once something uses them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginsInfo {
    /// Drivers of volumes.
    pub volume: Vec<String>,
    /// Drivers of networks.
    pub network: Vec<String>,
    /// Plugins that permit or refuse calls.
    pub authorization: Vec<String>,
    /// Drivers of logs.
    pub log: Vec<String>,
}

/// A program that runs containers. Definition `Runtime`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "camelCase")]
pub struct Runtime {
    /// The program, with or without its path.
    pub path: String,
    /// Arguments it always gets.
    pub runtime_args: Vec<String>,
    /// The kind of containerd shim that runs it instead of a path. Since API 1.42, not in the API
    /// description.
    pub runtime_type: String,
    /// Options of that shim. Since API 1.42, not in the API description.
    pub options: BTreeMap<String, serde_json::Value>,
    /// The program's own status: `org.opencontainers.runtime-spec.features`. Since API 1.44.
    pub status: BTreeMap<String, String>,
}

/// The commit that a program was built from. Definition `Commit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Commit {
    /// The commit, or a version.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The commit that the engine was made for. Until API 1.48.
    pub expected: String,
}

/// How an engine reaches registries. Definition `RegistryServiceConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct RegistryServiceConfig {
    /// Ranges of hosts that are reached without checking their certificates.
    #[serde(rename = "InsecureRegistryCIDRs")]
    pub insecure_registry_cidrs: Vec<String>,
    /// Registries, by name.
    pub index_configs: BTreeMap<String, IndexInfo>,
    /// Mirrors of Docker Hub, as URLs.
    pub mirrors: Vec<String>,
    /// Ranges of hosts that foreign layers may be pushed to. Until API 1.48.
    #[serde(rename = "AllowNondistributableArtifactsCIDRs")]
    pub allow_nondistributable_artifacts_cidrs: Vec<String>,
    /// Hosts that foreign layers may be pushed to. Until API 1.48.
    pub allow_nondistributable_artifacts_hostnames: Vec<String>,
}

/// A registry. Definition `IndexInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct IndexInfo {
    /// Its name: `docker.io`.
    pub name: String,
    /// Its mirrors, as URLs.
    pub mirrors: Vec<String>,
    /// Whether its certificate is checked.
    pub secure: bool,
    /// Whether it is Docker Hub.
    pub official: bool,
}

/// An address range that networks are cut from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct AddressPool {
    /// The range, in CIDR notation.
    pub base: String,
    /// The prefix length of each network.
    pub size: i64,
}

/// How to reach containerd, for debugging. Definition `ContainerdInfo`. Since API 1.46.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerdInfo {
    /// Its socket.
    pub address: String,
    /// The namespaces the engine uses in it.
    pub namespaces: ContainerdNamespaces,
}

/// The namespaces that an engine uses in containerd.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerdNamespaces {
    /// The one of containers: `moby`.
    pub containers: String,
    /// The one of plugins: `plugins.moby`.
    pub plugins: String,
}

/// What sets up the firewall. Definition `FirewallInfo`. Since API 1.49.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallInfo {
    /// Its name: `iptables`, `nftables`, `iptables+firewalld`.
    pub driver: String,
    /// More about it, as label and value.
    pub info: Vec<(String, String)>,
}

/// A device that containers can use. Definition `DeviceInfo`. Since API 1.50.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceInfo {
    /// Which driver found it: `cdi`.
    pub source: String,
    /// Its id in that driver: `vendor.com/gpu=0`.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
}

/// The node resource interface. Definition `NRIInfo`. Since API 1.53.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct NriInfo {
    /// Its details, as label and value.
    pub info: Vec<(String, String)>,
}
