//! All about one container.

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
    /// Tells all about a container.
    pub async fn inspect(&self, id: &str, options: InspectContainer) -> Result<Container> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// What to say of a container. Query of `ContainerInspect`.
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
    /// The id, 64 hexadecimal digits.
    #[serde(alias = "ID")]
    pub id: String,
    /// When it was made, in RFC 3339.
    pub created: String,
    /// The program that runs.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Whether it runs, and how it ended.
    pub state: ContainerState,
    /// The id of its image.
    pub image: String,
    /// Where its `/etc/resolv.conf` lies on the host.
    pub resolv_conf_path: String,
    /// Where its `/etc/hostname` lies on the host.
    pub hostname_path: String,
    /// Where its `/etc/hosts` lies on the host.
    pub hosts_path: String,
    /// Where its log lies on the host; empty when the logging driver keeps it elsewhere.
    pub log_path: String,
    /// The name, with a slash in front; see [`Container::plain_name`].
    pub name: String,
    /// How often the restart policy has started it again.
    pub restart_count: i64,
    /// The storage driver of its file system.
    pub driver: String,
    /// The operating system it was made for.
    pub platform: String,
    /// The platform's manifest in its image. Since API 1.48, where the image store has manifests.
    pub image_manifest_descriptor: Option<OciDescriptor>,
    /// The SELinux label of its mounts.
    pub mount_label: String,
    /// The SELinux label of its process.
    pub process_label: String,
    /// The AppArmor profile.
    pub app_armor_profile: String,
    /// The ids of the commands that run in it beside its process.
    #[serde(rename = "ExecIDs")]
    pub exec_ids: Vec<String>,
    /// How it sits on its host.
    pub host_config: HostConfig,
    /// What the storage driver says; `None` where a snapshotter stores it, see `storage`.
    pub graph_driver: Option<DriverData>,
    /// What the snapshotter says. Since API 1.52.
    pub storage: Option<Storage>,
    /// Bytes it has written to its file system; only when asked for.
    pub size_rw: Option<i64>,
    /// Bytes of its whole file system; only when asked for.
    pub size_root_fs: Option<i64>,
    /// Its mounts.
    pub mounts: Vec<MountPoint>,
    /// What it runs.
    pub config: ContainerConfig,
    /// Its networks and published ports.
    pub network_settings: NetworkSettings,
}

impl Container {
    /// The name without the slash that engines put in front.
    pub fn plain_name(&self) -> &str {
        self.name.strip_prefix('/').unwrap_or(&self.name)
    }
}

/// What a storage driver says of a container or an image. Definition `DriverData`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DriverData {
    /// The driver's name.
    pub name: String,
    /// What it says; each driver has keys of its own.
    pub data: BTreeMap<String, String>,
}

/// How a container is stored. Definition `Storage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Storage {
    /// How its root file system is stored.
    #[serde(rename = "RootFS")]
    pub root_fs: Option<RootFsStorage>,
}

/// How a root file system is stored. Definition `RootFSStorage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RootFsStorage {
    /// The snapshot it is in.
    pub snapshot: Option<RootFsSnapshot>,
}

/// A snapshot with a root file system. Definition `RootFSStorageSnapshot`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct RootFsSnapshot {
    /// The snapshotter's name.
    pub name: String,
}

/// A container's networks and published ports. Definition `NetworkSettings`.
///
/// The fields from `bridge` on say what `networks["bridge"]` says, or nothing; newer engines drop them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkSettings {
    /// The id of the network namespace.
    #[serde(rename = "SandboxID")]
    pub sandbox_id: String,
    /// Where the network namespace lies on the host.
    pub sandbox_key: String,
    /// From exposed ports to where they are published now.
    pub ports: PortMap,
    /// From the names of the networks to the container's place in them.
    pub networks: BTreeMap<String, EndpointSettings>,
    /// The name of the engine's own bridge. Until API 1.51.
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
    /// The id of the place in the default bridge network. Until API 1.51.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// The gateway of the default bridge network. Until API 1.51.
    pub gateway: String,
    /// The IPv6 address in the default bridge network. Until API 1.51.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// How many bits of that address name the network. Until API 1.51.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// The IPv4 address in the default bridge network. Until API 1.51.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// How many bits of that address name the network. Until API 1.51.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// The IPv6 gateway of the default bridge network. Until API 1.51.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// The hardware address in the default bridge network. Until API 1.51.
    pub mac_address: String,
}

/// An address and how many of its bits name the network. Definition `Address`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Address {
    /// The address.
    pub addr: String,
    /// How many bits name the network.
    pub prefix_len: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn exposed_ports_and_missing_parts_are_empty() {
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
