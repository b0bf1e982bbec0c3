//! The host configuration of a container: mounts, ports, limits, rights.

use serde::{Deserialize, Serialize};

use super::{
    CgroupnsMode, DeviceMapping, DeviceRequest, LogConfig, PortMap, RestartPolicy, ThrottleDevice,
    WeightDevice,
};
use crate::Version;
use crate::common::{Isolation, Mount, StringList, StringMap, TerminalSize, Ulimit};
use crate::wire::requirement::Requirement;

/// The host configuration of a container: mounts, ports, limits, rights. Definitions `HostConfig`
/// and `Resources`.
///
/// An empty field selects the engine's default. A field is an `Option` where an empty value differs
/// from no value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    // Files
    /// Mounts in short form: `source:target[:options]`.
    pub binds: StringList,
    /// Mounts in long form.
    pub mounts: Vec<Mount>,
    /// Directories in memory (tmpfs), with their mount options: `/run` to `rw,size=64k`.
    pub tmpfs: StringMap,
    /// Containers whose volumes are mounted, too: `name[:ro|rw]`.
    pub volumes_from: StringList,
    /// Driver of volumes in `binds` that do not exist yet.
    pub volume_driver: String,
    /// Options of the storage driver: `size` to `120G`.
    pub storage_opt: StringMap,
    /// Whether the root file system is read-only.
    pub readonly_rootfs: bool,
    /// Size of `/dev/shm` in bytes; 0 is 64 MiB.
    pub shm_size: i64,
    /// Paths that are hidden from the process; `None` is the engine's list, `Some` replaces it.
    pub masked_paths: Option<StringList>,
    /// Paths that are read-only; `None` is the engine's list, `Some` replaces it.
    pub readonly_paths: Option<StringList>,
    /// File of the client that receives the ID; engines only store it.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,

    // Network
    /// Network mode: `bridge`, `host`, `none`, `container:<name or ID>`, or a network's name.
    pub network_mode: String,
    /// Published ports. Docker publishes only exposed ports, so
    /// [`Containers::create`](super::Containers::create) exposes them, too.
    pub port_bindings: PortMap,
    /// Whether all exposed ports are published, on host ports that the engine chooses.
    pub publish_all_ports: bool,
    /// Addresses of DNS servers.
    pub dns: StringList,
    /// Options of the DNS resolver.
    pub dns_options: StringList,
    /// DNS search domains.
    pub dns_search: StringList,
    /// Entries of `/etc/hosts`: `name:address`; the address `host-gateway` is the host's.
    pub extra_hosts: StringList,
    /// Links to other containers: `name:alias`.
    pub links: StringList,

    // Lifecycle
    /// When the container is restarted.
    pub restart_policy: RestartPolicy,
    /// Whether the container is removed when its process ends.
    pub auto_remove: bool,
    /// Whether an init process forwards signals and reaps children; `None` is the engine's default.
    pub init: Option<bool>,
    /// Logging driver and its options.
    pub log_config: LogConfig,
    /// Size of the terminal at the start. Since API 1.42 on Linux.
    pub console_size: Option<TerminalSize>,
    /// Annotations for the runtime. Since API 1.43.
    pub annotations: StringMap,
    /// Runtime.
    pub runtime: String,

    // Rights and namespaces
    /// Whether the container gets all capabilities and all devices of the host.
    pub privileged: bool,
    /// Kernel capabilities to add, such as `NET_ADMIN`, or `ALL`.
    pub cap_add: StringList,
    /// Kernel capabilities to drop.
    pub cap_drop: StringList,
    /// Security options: `no-new-privileges`, `seccomp=…`, `apparmor=…`, `label=…`.
    pub security_opt: StringList,
    /// Additional groups of the process.
    pub group_add: StringList,
    /// Kernel parameters (sysctls).
    pub sysctls: StringMap,
    /// Control group namespace.
    pub cgroupns_mode: CgroupnsMode,
    /// IPC namespace: `none`, `private`, `shareable`, `host`, `container:<name or ID>`.
    pub ipc_mode: String,
    /// PID namespace: `host`, `container:<name or ID>`; empty is the container's own.
    pub pid_mode: String,
    /// UTS namespace (host name): `host`; empty is the container's own.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// User namespace: `host` where the engine maps users; empty is the engine's default.
    pub userns_mode: String,
    /// Control group to use: `container:<name or ID>`.
    pub cgroup: String,
    /// How the container is isolated from the host (Windows).
    pub isolation: Isolation,

    // Memory and processes
    /// Memory limit in bytes; 0 is unlimited.
    pub memory: i64,
    /// Soft memory limit in bytes; 0 is unlimited.
    pub memory_reservation: i64,
    /// Limit of memory and swap together in bytes; -1 is unlimited, 0 is twice the memory.
    pub memory_swap: i64,
    /// Swappiness of the memory, from 0 to 100; `None` is the host's.
    pub memory_swappiness: Option<i64>,
    /// Limit of kernel memory in bytes. Until API 1.41.
    pub kernel_memory: i64,
    /// Limit of the kernel's TCP buffers in bytes. Until API 1.51.
    #[serde(rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: i64,
    /// Whether the OOM killer is disabled for the container.
    pub oom_kill_disable: Option<bool>,
    /// Preference of the OOM killer for the container, from -1000 to 1000.
    pub oom_score_adj: i64,
    /// Limit of processes and threads; 0 and -1 are unlimited.
    pub pids_limit: Option<i64>,
    /// Resource limits of the process (ulimits).
    pub ulimits: Vec<Ulimit>,

    // CPUs
    /// CPU limit in billionths of a CPU; 0 is unlimited.
    pub nano_cpus: i64,
    /// CPU weight relative to other containers; 0 is 1024.
    pub cpu_shares: i64,
    /// Length of a scheduling period in microseconds.
    pub cpu_period: i64,
    /// CPU time in a period in microseconds; -1 is unlimited.
    pub cpu_quota: i64,
    /// Length of a real-time period in microseconds.
    pub cpu_realtime_period: i64,
    /// Real-time CPU time in a period in microseconds.
    pub cpu_realtime_runtime: i64,
    /// CPUs that may be used: `0-2,7`.
    pub cpuset_cpus: String,
    /// Memory nodes that may be used: `0-1`.
    pub cpuset_mems: String,
    /// Number of CPUs that may be used (Windows).
    pub cpu_count: i64,
    /// Percentage of the CPUs that may be used (Windows).
    pub cpu_percent: i64,
    /// Parent control group.
    pub cgroup_parent: String,

    // Devices
    /// Block I/O weight, from 10 to 1000; 0 is the default.
    pub blkio_weight: u16,
    /// Block I/O weight of single devices.
    pub blkio_weight_device: Vec<WeightDevice>,
    /// Read limits of devices, in bytes per second.
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    /// Write limits of devices, in bytes per second.
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    /// Read limits of devices, in operations per second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    /// Write limits of devices, in operations per second.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    /// Devices of the host that are added to the container.
    pub devices: Vec<DeviceMapping>,
    /// Control group rules for devices: `c 13:* rwm`.
    pub device_cgroup_rules: StringList,
    /// Requests for devices of a driver, such as GPUs.
    pub device_requests: Vec<DeviceRequest>,
    /// I/O limit of the system drive in operations per second (Windows).
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// I/O limit of the system drive in bytes per second (Windows).
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
