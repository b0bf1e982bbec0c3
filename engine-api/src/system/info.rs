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
    /// The engine's id; its form is not defined.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The name of the host.
    pub name: String,
    /// Labels of the engine, `key=value` each.
    pub labels: Vec<String>,
    /// The version of the engine: `28.5.2`.
    pub server_version: String,
    /// What the engine complains about: missing features, risky settings.
    pub warnings: Vec<String>,
    /// Whether experimental features are on.
    pub experimental_build: bool,
    /// The license of the engine.
    pub product_license: String,

    /// How many containers there are.
    pub containers: i64,
    /// How many of them run.
    pub containers_running: i64,
    /// How many of them are paused.
    pub containers_paused: i64,
    /// How many of them are stopped.
    pub containers_stopped: i64,
    /// How many images there are, named or not.
    pub images: i64,

    /// The storage driver: `overlay2`, `overlayfs`.
    pub driver: String,
    /// The status of the storage driver, as label and value.
    pub driver_status: Vec<(String, String)>,
    /// The status of a standalone swarm, as label and value. No engine since API 1.40 fills it.
    pub system_status: Vec<(String, String)>,
    /// The directory in which the engine keeps everything.
    pub docker_root_dir: String,
    /// The plugins, by what they do.
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
    /// Whether the period of processor quotas can be set.
    pub cpu_cfs_period: bool,
    /// Whether processor quotas can be set.
    pub cpu_cfs_quota: bool,
    /// Whether shares of the processor can be set.
    #[serde(rename = "CPUShares")]
    pub cpu_shares: bool,
    /// Whether containers can be bound to processors.
    #[serde(rename = "CPUSet")]
    pub cpu_set: bool,
    /// Whether the number of processes can be limited.
    pub pids_limit: bool,
    /// Whether the out-of-memory killer can be switched off.
    pub oom_kill_disable: bool,
    /// Whether the host forwards IPv4.
    #[serde(rename = "IPv4Forwarding")]
    pub ipv4_forwarding: bool,
    /// Whether iptables sees bridged traffic. Until API 1.49.
    pub bridge_nf_iptables: bool,
    /// Whether ip6tables sees bridged traffic. Until API 1.49.
    pub bridge_nf_ip6tables: bool,

    /// Whether the engine logs for debugging.
    pub debug: bool,
    /// How many files the engine has open, when it logs for debugging.
    #[serde(rename = "NFd")]
    pub n_fd: i64,
    /// How many goroutines the engine has, when it logs for debugging.
    #[serde(rename = "NGoroutines")]
    pub n_goroutines: i64,
    /// How many clients listen for events.
    #[serde(rename = "NEventsListener")]
    pub n_events_listener: i64,
    /// The engine's clock, RFC 3339.
    pub system_time: String,

    /// The logging driver of containers that ask for none.
    pub logging_driver: String,
    /// What manages the control groups.
    pub cgroup_driver: CgroupDriver,
    /// The version of the host's control groups.
    pub cgroup_version: CgroupVersion,
    /// The version of the host's kernel.
    pub kernel_version: String,
    /// The host's operating system, in words.
    pub operating_system: String,
    /// Its version; its form is not defined.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// The kind of operating system: `linux`, `windows`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// The host's processor architecture as the host calls it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// How many processors the engine can use.
    #[serde(rename = "NCPU")]
    pub n_cpu: i64,
    /// The host's memory in bytes.
    pub mem_total: i64,
    /// What else the node offers to a swarm: `GPU=UUID1`, `SSD=3`.
    pub generic_resources: Vec<GenericResource>,

    /// The registry that images are searched in: Docker Hub's address.
    pub index_server_address: String,
    /// How the engine reaches registries.
    pub registry_config: Option<RegistryServiceConfig>,
    /// The proxy for HTTP, credentials masked by the engine.
    pub http_proxy: String,
    /// The proxy for HTTPS, credentials masked by the engine.
    pub https_proxy: String,
    /// Hosts that are reached without a proxy, separated by commas.
    pub no_proxy: String,

    /// The programs that can run containers, by name.
    pub runtimes: BTreeMap<String, Runtime>,
    /// The one that is used unless another is asked for.
    pub default_runtime: String,
    /// How containers are kept apart, unless they ask otherwise (Windows).
    pub isolation: Isolation,
    /// The program that is process 1 of containers that want one.
    pub init_binary: String,
    /// The commit of containerd.
    pub containerd_commit: Commit,
    /// The commit of runc.
    pub runc_commit: Commit,
    /// The commit of the init program.
    pub init_commit: Commit,
    /// How to reach containerd. Since API 1.46.
    pub containerd: Option<ContainerdInfo>,
    /// Whether containers outlive a restart of the engine.
    pub live_restore_enabled: bool,
    /// What protects the host: `name=seccomp,profile=builtin`, `name=rootless` …
    pub security_options: Vec<String>,

    /// The engine's part in a swarm.
    pub swarm: SwarmInfo,
    /// The key-value store of old overlay networks. Until API 1.41.
    pub cluster_store: String,
    /// The address told to that store. Until API 1.41.
    pub cluster_advertise: String,
    /// The address ranges that networks are cut from; empty for the built-in ones.
    pub default_address_pools: Vec<AddressPool>,
    /// What sets up the firewall. Since API 1.49.
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
