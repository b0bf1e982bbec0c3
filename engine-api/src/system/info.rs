//! Information about an engine and its host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::System;
use super::info_parts::{
    AddressPool, CgroupDriver, CgroupVersion, Commit, ContainerdInfo, DeviceInfo, FirewallInfo, NriInfo,
    PluginsInfo, RegistryServiceConfig, Runtime,
};
use super::info_swarm::SwarmInfo;
use crate::common::Isolation;
use crate::common::resources::GenericResource;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INFO: Operation<Json<Info>> = Operation::get("SystemInfo", "/info");

impl System<'_> {
    /// Returns details of the engine and its host.
    pub async fn info(&self) -> Result<Info> {
        self.docker.call(&INFO).send().await
    }
}

/// An engine and its host. Definition `SystemInfo`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Info {
    /// The engine's ID; its format is not defined.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The name of the host.
    pub name: String,
    /// Labels of the engine, `key=value` each.
    pub labels: Vec<String>,
    /// The version of the engine: `28.5.2`.
    pub server_version: String,
    /// Warnings of the engine: missing features, insecure settings.
    pub warnings: Vec<String>,
    /// Whether experimental features are on.
    pub experimental_build: bool,
    /// The license of the engine.
    pub product_license: String,

    /// Number of containers.
    pub containers: i64,
    /// Number of running containers.
    pub containers_running: i64,
    /// Number of paused containers.
    pub containers_paused: i64,
    /// Number of stopped containers.
    pub containers_stopped: i64,
    /// Number of images, with and without a name.
    pub images: i64,

    /// The storage driver: `overlay2`, `overlayfs`.
    pub driver: String,
    /// The status of the storage driver, as label and value.
    pub driver_status: Vec<(String, String)>,
    /// The status of a standalone swarm, as label and value. Empty since API 1.40.
    pub system_status: Vec<(String, String)>,
    /// The data directory of the engine.
    pub docker_root_dir: String,
    /// The plugins by type.
    pub plugins: PluginsInfo,

    /// Whether memory can be limited.
    pub memory_limit: bool,
    /// Whether swap can be limited.
    pub swap_limit: bool,
    /// Whether kernel memory can be limited. Until API 1.41.
    pub kernel_memory: bool,
    /// Whether the kernel's memory for TCP can be limited. Until API 1.51.
    #[serde(rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: bool,
    /// Whether the period of CPU quotas can be set.
    pub cpu_cfs_period: bool,
    /// Whether CPU quotas can be set.
    pub cpu_cfs_quota: bool,
    /// Whether CPU weights (shares) can be set.
    #[serde(rename = "CPUShares")]
    pub cpu_shares: bool,
    /// Whether containers can be bound to CPUs.
    #[serde(rename = "CPUSet")]
    pub cpu_set: bool,
    /// Whether the number of processes can be limited.
    pub pids_limit: bool,
    /// Whether the OOM killer can be disabled.
    pub oom_kill_disable: bool,
    /// Whether the host forwards IPv4.
    #[serde(rename = "IPv4Forwarding")]
    pub ipv4_forwarding: bool,
    /// Whether iptables sees bridged traffic. Until API 1.49.
    pub bridge_nf_iptables: bool,
    /// Whether ip6tables sees bridged traffic. Until API 1.49.
    pub bridge_nf_ip6tables: bool,

    /// Whether the engine runs in debug mode.
    pub debug: bool,
    /// Number of open files of the engine, in debug mode.
    #[serde(rename = "NFd")]
    pub n_fd: i64,
    /// Number of goroutines of the engine, in debug mode.
    #[serde(rename = "NGoroutines")]
    pub n_goroutines: i64,
    /// Number of clients that listen to events.
    #[serde(rename = "NEventsListener")]
    pub n_events_listener: i64,
    /// The engine's current time, in RFC 3339.
    pub system_time: String,

    /// The default logging driver.
    pub logging_driver: String,
    /// The cgroup driver.
    pub cgroup_driver: CgroupDriver,
    /// The cgroup version of the host.
    pub cgroup_version: CgroupVersion,
    /// The version of the host's kernel.
    pub kernel_version: String,
    /// The name of the host's operating system.
    pub operating_system: String,
    /// The version of the operating system; its format is not defined.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// The kind of operating system: `linux`, `windows`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// The host's CPU architecture, with the host's name for it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// Number of CPUs that the engine can use.
    #[serde(rename = "NCPU")]
    pub n_cpu: i64,
    /// The host's memory in bytes.
    pub mem_total: i64,
    /// User-defined resources of the node for a swarm: `GPU=UUID1`, `SSD=3`.
    pub generic_resources: Vec<GenericResource>,

    /// The registry for searches of images: Docker Hub's address.
    pub index_server_address: String,
    /// Settings of registries.
    pub registry_config: Option<RegistryServiceConfig>,
    /// The HTTP proxy; the engine masks the credentials.
    pub http_proxy: String,
    /// The HTTPS proxy; the engine masks the credentials.
    pub https_proxy: String,
    /// Hosts that are reached without a proxy, separated by commas.
    pub no_proxy: String,

    /// The runtimes by name.
    pub runtimes: BTreeMap<String, Runtime>,
    /// The default runtime.
    pub default_runtime: String,
    /// The default isolation of containers (Windows).
    pub isolation: Isolation,
    /// The init program of containers.
    pub init_binary: String,
    /// The commit of containerd.
    pub containerd_commit: Commit,
    /// The commit of runc.
    pub runc_commit: Commit,
    /// The commit of the init program.
    pub init_commit: Commit,
    /// The connection to containerd. Since API 1.46.
    pub containerd: Option<ContainerdInfo>,
    /// Whether containers continue to run during a restart of the engine (live restore).
    pub live_restore_enabled: bool,
    /// Security options: `name=seccomp,profile=builtin`, `name=rootless` …
    pub security_options: Vec<String>,

    /// The swarm status of the engine.
    pub swarm: SwarmInfo,
    /// The cluster store of old overlay networks. Until API 1.41.
    pub cluster_store: String,
    /// The address that is advertised to that store. Until API 1.41.
    pub cluster_advertise: String,
    /// The default address pools of networks; empty for the built-in pools.
    pub default_address_pools: Vec<AddressPool>,
    /// The firewall backend. Since API 1.49.
    pub firewall_backend: Option<FirewallInfo>,
    /// The directories with descriptions of devices (CDI). Since API 1.44.
    #[serde(rename = "CDISpecDirs")]
    pub cdi_spec_dirs: Vec<String>,
    /// The devices that were found. Since API 1.50.
    pub discovered_devices: Vec<DeviceInfo>,
    /// The node resource interface, when it is on. Since API 1.53.
    #[serde(rename = "NRI")]
    pub nri: Option<NriInfo>,
}

impl Info {
    /// Whether the engine runs without root.
    pub fn is_rootless(&self) -> bool {
        let mut options = self.security_options.iter();
        options.any(|option| option.contains("rootless"))
    }

    /// Whether containers have control groups of their own. A daemon without root cannot create
    /// groups of version 1; Podman then reports limits that have no effect.
    pub fn has_control_groups(&self) -> bool {
        let is_first = self.cgroup_version == CgroupVersion::V1;
        self.cgroup_driver != CgroupDriver::None && !(self.is_rootless() && is_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_groups_need_root_or_version_2() {
        let info = |driver: &str, version: &str, options: &str| -> Info {
            let json = format!(
                r#"{{"CgroupDriver":"{driver}","CgroupVersion":"{version}","SecurityOptions":[{options}]}}"#
            );
            crate::from_json(json.as_bytes()).unwrap()
        };
        let rootless = r#""name=seccomp,profile=default","name=rootless""#;
        assert!(info("cgroupfs", "1", "").has_control_groups());
        assert!(info("systemd", "2", rootless).has_control_groups());
        // Docker, and Podman.
        assert!(!info("none", "1", rootless).has_control_groups());
        assert!(!info("cgroupfs", "1", rootless).has_control_groups());
        assert!(info("none", "1", rootless).is_rootless() && !info("none", "1", "").is_rootless());
    }
}
