//! How a container sits on its host: mounts, ports, limits, rights.

use serde::{Deserialize, Serialize};

use super::{
    CgroupnsMode, DeviceMapping, DeviceRequest, LogConfig, PortMap, RestartPolicy, ThrottleDevice,
    WeightDevice,
};
use crate::Version;
use crate::common::{Isolation, Mount, StringList, StringMap, TerminalSize, Ulimit};
use crate::wire::requirement::Requirement;

/// How a container sits on its host. Definitions `HostConfig` and `Resources`.
///
/// An empty field leaves the choice to the engine. An `Option` is there where an empty value says
/// something else than none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    // Files
    /// Mounts in short form: `source:target[:options]`.
    pub binds: StringList,
    /// Mounts in long form.
    pub mounts: Vec<Mount>,
    /// Folders that are kept in memory, with their mount options: `/run` to `rw,size=64k`.
    pub tmpfs: StringMap,
    /// Containers whose volumes are mounted too: `name[:ro|rw]`.
    pub volumes_from: StringList,
    /// The driver for volumes in `binds` that do not exist yet.
    pub volume_driver: String,
    /// Options of the storage driver: `size` to `120G`.
    pub storage_opt: StringMap,
    /// Whether the container may not write to its root file system.
    pub readonly_rootfs: bool,
    /// The size of `/dev/shm` in bytes; 0 is 64 MiB.
    pub shm_size: i64,
    /// Paths that the process cannot see; `None` is the engine's list, `Some` replaces it.
    pub masked_paths: Option<StringList>,
    /// Paths that the process cannot write to; `None` is the engine's list, `Some` replaces it.
    pub readonly_paths: Option<StringList>,
    /// A file on the client's side that the id is written to; engines only keep it.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,

    // Network
    /// `bridge`, `host`, `none`, `container:<name or id>`, or a network's name.
    pub network_mode: String,
    /// Which ports are published, and where. Docker publishes those alone that the container exposes, which
    /// [`Containers::create`](super::Containers::create) sees to.
    pub port_bindings: PortMap,
    /// Whether all exposed ports are published, to ports the engine chooses.
    pub publish_all_ports: bool,
    /// Name servers, by address.
    pub dns: StringList,
    /// Options of the resolver.
    pub dns_options: StringList,
    /// Domains to search.
    pub dns_search: StringList,
    /// Lines for `/etc/hosts`: `name:address`; the address `host-gateway` is the host's.
    pub extra_hosts: StringList,
    /// Links to other containers: `name:alias`.
    pub links: StringList,

    // Life
    /// When the container is started again.
    pub restart_policy: RestartPolicy,
    /// Whether the container is removed when its process ends.
    pub auto_remove: bool,
    /// Whether a small init process forwards signals and reaps children; `None` is the engine's choice.
    pub init: Option<bool>,
    /// Where output is logged.
    pub log_config: LogConfig,
    /// The terminal's size at the start. Since API 1.42 on Linux.
    pub console_size: Option<TerminalSize>,
    /// Notes handed to the runtime. Since API 1.43.
    pub annotations: StringMap,
    /// The runtime to use.
    pub runtime: String,

    // Rights and namespaces
    /// Whether the container gets all rights and all devices of the host.
    pub privileged: bool,
    /// Kernel capabilities to add, such as `NET_ADMIN`, or `ALL`.
    pub cap_add: StringList,
    /// Kernel capabilities to drop.
    pub cap_drop: StringList,
    /// Security options: `no-new-privileges`, `seccomp=…`, `apparmor=…`, `label=…`.
    pub security_opt: StringList,
    /// Further groups of the process.
    pub group_add: StringList,
    /// Kernel parameters.
    pub sysctls: StringMap,
    /// Which control groups the container sees.
    pub cgroupns_mode: CgroupnsMode,
    /// Shared memory: `none`, `private`, `shareable`, `host`, `container:<name or id>`.
    pub ipc_mode: String,
    /// Processes: `host`, `container:<name or id>`; empty is its own.
    pub pid_mode: String,
    /// Host name: `host`; empty is its own.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// Users: `host` where the engine maps users; empty is the engine's choice.
    pub userns_mode: String,
    /// The control group to use: `container:<name or id>`.
    pub cgroup: String,
    /// How the container is kept apart from the host (Windows).
    pub isolation: Isolation,

    // Memory and processes
    /// The memory limit in bytes; 0 is none.
    pub memory: i64,
    /// The soft memory limit in bytes; 0 is none.
    pub memory_reservation: i64,
    /// The limit of memory and swap together in bytes; -1 is none, 0 twice the memory.
    pub memory_swap: i64,
    /// How readily memory is swapped, from 0 to 100; `None` is the host's.
    pub memory_swappiness: Option<i64>,
    /// The limit of kernel memory in bytes. Until API 1.41.
    pub kernel_memory: i64,
    /// The limit of the kernel's TCP buffers in bytes. Until API 1.51.
    #[serde(rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: i64,
    /// Whether the kernel never kills the container for want of memory.
    pub oom_kill_disable: Option<bool>,
    /// How readily the kernel kills the container for want of memory, from -1000 to 1000.
    pub oom_score_adj: i64,
    /// How many processes there may be; 0 and -1 are no limit.
    pub pids_limit: Option<i64>,
    /// Timeouts of the process.
    pub ulimits: Vec<Ulimit>,

    // Processors
    /// How many processors the container may use, in billionths; 0 is all.
    pub nano_cpus: i64,
    /// The weight against other containers; 0 is 1024.
    pub cpu_shares: i64,
    /// The length of a scheduling period in microseconds.
    pub cpu_period: i64,
    /// The processor time in a period in microseconds; -1 is without limit.
    pub cpu_quota: i64,
    /// The length of a real-time period in microseconds.
    pub cpu_realtime_period: i64,
    /// The real-time in a period in microseconds.
    pub cpu_realtime_runtime: i64,
    /// The processors that may be used: `0-2,7`.
    pub cpuset_cpus: String,
    /// The memory nodes that may be used: `0-1`.
    pub cpuset_mems: String,
    /// How many processors the container may use (Windows).
    pub cpu_count: i64,
    /// How many percent of the processors the container may use (Windows).
    pub cpu_percent: i64,
    /// The control group that the container's is made under.
    pub cgroup_parent: String,

    // Devices
    /// The weight of traffic with block devices, from 10 to 1000; 0 is none set.
    pub blkio_weight: u16,
    /// The same for single devices.
    pub blkio_weight_device: Vec<WeightDevice>,
    /// Timeouts of reading, in bytes a second.
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    /// Timeouts of writing, in bytes a second.
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    /// Timeouts of reading, in operations a second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    /// Timeouts of writing, in operations a second.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    /// Devices of the host that the container gets.
    pub devices: Vec<DeviceMapping>,
    /// Rules for devices that appear later: `c 13:* rwm`.
    pub device_cgroup_rules: StringList,
    /// Wishes for devices that a driver fulfils.
    pub device_requests: Vec<DeviceRequest>,
    /// The limit of operations a second on the system drive (Windows).
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// The limit of bytes a second on the system drive (Windows).
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,
}

impl HostConfig {
    pub(super) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let annotations = !self.annotations.is_empty();
        let (kernel_memory, tcp) = (self.kernel_memory != 0, self.kernel_memory_tcp != 0);
        let own = [
            Requirement::since(annotations, "HostConfig::annotations", Version::new(1, 43)),
            Requirement::until(kernel_memory, "HostConfig::kernel_memory", Version::new(1, 41)),
            Requirement::until(tcp, "HostConfig::kernel_memory_tcp", Version::new(1, 51)),
        ];
        own.into_iter()
            .flatten()
            .chain(self.mounts.iter().flat_map(Mount::requires))
    }
}
