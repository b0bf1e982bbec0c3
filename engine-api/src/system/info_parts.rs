//! Parts of the information about an engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// The cgroup driver.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupDriver {
    /// The engine itself, through the cgroup file system.
    Cgroupfs,
    /// systemd.
    Systemd,
    /// No driver: a rootless engine on a host without cgroup delegation.
    None,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(CgroupDriver {
    Cgroupfs = "cgroupfs",
    Systemd = "systemd",
    None = "none",
});

/// The cgroup version of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupVersion {
    /// Version 1: a hierarchy for each kind of resource.
    V1,
    /// Version 2: one hierarchy for all resources.
    V2,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(CgroupVersion { V1 = "1", V2 = "2" });

/// The plugins of an engine by type. Definition `PluginsInfo`.
///
/// Built-in drivers are listed, too; legacy plugins appear after their first use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginsInfo {
    /// Drivers of volumes.
    pub volume: Vec<String>,
    /// Drivers of networks.
    pub network: Vec<String>,
    /// Authorization plugins, which allow or deny calls.
    pub authorization: Vec<String>,
    /// Drivers of logs.
    pub log: Vec<String>,
}

/// A container runtime. Definition `Runtime`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "camelCase")]
pub struct Runtime {
    /// The program, with or without its path.
    pub path: String,
    /// Its arguments.
    pub runtime_args: Vec<String>,
    /// The type of the containerd shim, instead of a path. Since API 1.42, not in the API
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
    /// The commit that the engine expects. Until API 1.48.
    pub expected: String,
}

/// The settings of registries. Definition `RegistryServiceConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct RegistryServiceConfig {
    /// Address ranges of registries whose certificates are not verified.
    #[serde(rename = "InsecureRegistryCIDRs")]
    pub insecure_registry_cidrs: Vec<String>,
    /// Registries, by name.
    pub index_configs: BTreeMap<String, IndexInfo>,
    /// Mirrors of Docker Hub, as URLs.
    pub mirrors: Vec<String>,
    /// Address ranges of hosts to which foreign layers may be pushed. Until API 1.48.
    #[serde(rename = "AllowNondistributableArtifactsCIDRs")]
    pub allow_nondistributable_artifacts_cidrs: Vec<String>,
    /// Hosts to which foreign layers may be pushed. Until API 1.48.
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
    /// Whether its certificate is verified.
    pub secure: bool,
    /// Whether it is Docker Hub.
    pub official: bool,
}

/// A default address pool of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct AddressPool {
    /// The range, in CIDR notation.
    pub base: String,
    /// The prefix length of each network.
    pub size: i64,
}

/// The connection to containerd, for debugging. Definition `ContainerdInfo`. Since API 1.46.
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

/// The firewall backend. Definition `FirewallInfo`. Since API 1.49.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallInfo {
    /// Its name: `iptables`, `nftables`, `iptables+firewalld`.
    pub driver: String,
    /// Details, as label and value.
    pub info: Vec<(String, String)>,
}

/// A device that containers can use. Definition `DeviceInfo`. Since API 1.50.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceInfo {
    /// The driver that found it: `cdi`.
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
