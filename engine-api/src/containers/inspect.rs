//! Inspecting a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ContainerState, Containers, EndpointSettings, HostConfig, MountPoint, PortMap};
use crate::common::{ContainerConfig, OciDescriptor};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static INSPECT: Operation<Json<Container>> =
    Operation::get("ContainerInspect", "/containers/{id}/json");

impl Containers<'_> {
    /// Returns the details of a container.
    pub async fn inspect(&self, id: &str, options: InspectContainer) -> Result<Container> {
        let call = self.docker.call(&INSPECT).at(id).query(options.query());
        let container = call.send().await?;
        Ok(container.of_engine(self.docker.remote_host()))
    }
}

/// Which details to return. Query of `ContainerInspect`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectContainer {
    /// Whether to compute [`Container::size_rw`] and [`Container::size_root_fs`], which takes time.
    pub size: bool,
}

impl InspectContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().flag("size", self.size)
    }
}

/// A container. Definition `ContainerInspectResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Container {
    /// ID, 64 hexadecimal digits.
    #[serde(alias = "ID")]
    pub id: String,
    /// Time of creation, in RFC 3339.
    pub created: String,
    /// Program of the main process.
    pub path: String,
    /// Arguments of the main process.
    pub args: Vec<String>,
    /// State: running or not, exit code, health.
    pub state: ContainerState,
    /// ID of the image.
    pub image: String,
    /// Path of its `/etc/resolv.conf` on the host.
    pub resolv_conf_path: String,
    /// Path of its `/etc/hostname` on the host.
    pub hostname_path: String,
    /// Path of its `/etc/hosts` on the host.
    pub hosts_path: String,
    /// Path of its log on the host; empty for logging drivers without a log file.
    pub log_path: String,
    /// Name, with a leading slash; see [`Container::plain_name`].
    pub name: String,
    /// Number of restarts by the restart policy.
    pub restart_count: i64,
    /// Storage driver of its file system.
    pub driver: String,
    /// Operating system.
    pub platform: String,
    /// Manifest of the platform in its image. Since API 1.48, if the image store has manifests.
    pub image_manifest_descriptor: Option<OciDescriptor>,
    /// SELinux label of its mounts.
    pub mount_label: String,
    /// SELinux label of its process.
    pub process_label: String,
    /// AppArmor profile.
    pub app_armor_profile: String,
    /// IDs of the execs in it.
    #[serde(rename = "ExecIDs")]
    pub exec_ids: Vec<String>,
    /// Host configuration.
    pub host_config: HostConfig,
    /// Data of the storage driver; `None` if a snapshotter stores the container, see `storage`.
    pub graph_driver: Option<DriverData>,
    /// Data of the snapshotter. Since API 1.52.
    pub storage: Option<Storage>,
    /// Bytes written to its file system; only if requested.
    pub size_rw: Option<i64>,
    /// Bytes of its whole file system; only if requested.
    pub size_root_fs: Option<i64>,
    /// Mounts.
    pub mounts: Vec<MountPoint>,
    /// Configuration: command, environment variables, user, ports.
    pub config: ContainerConfig,
    /// Networks and published ports.
    pub network_settings: NetworkSettings,
    /// The host of the engine, if it is on the network.
    #[serde(skip)]
    engine_host: Option<String>,
}

impl Container {
    /// Sets the host of the engine; `None` for this machine.
    pub(super) fn of_engine(mut self, host: Option<String>) -> Self {
        self.engine_host = host;
        self
    }

    pub(super) fn engine_host(&self) -> Option<&str> {
        self.engine_host.as_deref()
    }

    /// The name without the leading slash.
    pub fn plain_name(&self) -> &str {
        self.name.strip_prefix('/').unwrap_or(&self.name)
    }
}

/// Data of the storage driver on a container or an image. Definition `DriverData`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DriverData {
    /// Name of the driver.
    pub name: String,
    /// Data by key; the keys depend on the driver.
    pub data: BTreeMap<String, String>,
}

/// Storage of a container. Definition `Storage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Storage {
    /// Storage of its root file system.
    #[serde(rename = "RootFS")]
    pub root_fs: Option<RootFsStorage>,
}

/// Storage of a root file system. Definition `RootFSStorage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RootFsStorage {
    /// Snapshot that contains it.
    pub snapshot: Option<RootFsSnapshot>,
}

/// A snapshot with a root file system. Definition `RootFSStorageSnapshot`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RootFsSnapshot {
    /// Name of the snapshotter.
    pub name: String,
}

/// A container's networks and published ports. Definition `NetworkSettings`.
///
/// The fields from `bridge` on repeat `networks["bridge"]`, or are empty; newer engines drop them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkSettings {
    /// ID of the network namespace.
    #[serde(rename = "SandboxID")]
    pub sandbox_id: String,
    /// Path of the network namespace on the host.
    pub sandbox_key: String,
    /// The bindings of exposed ports.
    pub ports: PortMap,
    /// The endpoints of the container by the names of the networks.
    pub networks: BTreeMap<String, EndpointSettings>,
    /// Name of the engine's default bridge. Until API 1.51.
    pub bridge: String,
    /// Not used by engines. Until API 1.51.
    pub hairpin_mode: bool,
    /// Not used by engines. Until API 1.51.
    #[serde(rename = "LinkLocalIPv6Address")]
    pub link_local_ipv6_address: String,
    /// Not used by engines. Until API 1.51.
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    pub link_local_ipv6_prefix_len: i64,
    /// Not used by engines. Until API 1.51.
    #[serde(rename = "SecondaryIPAddresses")]
    pub secondary_ip_addresses: Vec<Address>,
    /// Not used by engines. Until API 1.51.
    #[serde(rename = "SecondaryIPv6Addresses")]
    pub secondary_ipv6_addresses: Vec<Address>,
    /// ID of the endpoint in the default bridge network. Until API 1.51.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Gateway of the default bridge network. Until API 1.51.
    pub gateway: String,
    /// IPv6 address in the default bridge network. Until API 1.51.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Prefix length of that address. Until API 1.51.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// IPv4 address in the default bridge network. Until API 1.51.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Prefix length of that address. Until API 1.51.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// IPv6 gateway of the default bridge network. Until API 1.51.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// MAC address in the default bridge network. Until API 1.51.
    pub mac_address: String,
}

/// An address and its prefix length. Definition `Address`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Address {
    /// Address.
    pub addr: String,
    /// Prefix length.
    pub prefix_len: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn inspect_reads_null_as_empty() {
        let text =
            br#"{"ID":"4a","Name":"/web","Created":null,"ExecIDs":null,"GraphDriver":null,"Config":null,
            "NetworkSettings":{"Ports":{"80/tcp":null,"81/tcp":[{"HostIp":"::","HostPort":"8081"}]},
            "Networks":{"bridge":null}}}"#;
        let container: Container = decode(text).unwrap();
        assert_eq!((container.id.as_str(), container.plain_name()), ("4a", "web"));
        assert_eq!(container.network_settings.ports["80/tcp"], []);
        assert_eq!(container.network_settings.ports["81/tcp"][0].host_port, "8081");
        assert_eq!(
            container.network_settings.networks["bridge"],
            EndpointSettings::default()
        );
        assert_eq!((container.graph_driver, container.size_rw), (None, None));
    }
}
