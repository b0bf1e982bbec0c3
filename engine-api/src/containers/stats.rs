//! What a container uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::query::Query;

/// How to measure. Query of `ContainerStats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadStats {
    /// Whether to go on, with one sample each second; on by default.
    pub stream: bool,
    /// Whether to answer at once, without a first sample to compare with; needs `stream` off.
    pub one_shot: bool,
}

impl Default for ReadStats {
    fn default() -> Self {
        Self {
            stream: true,
            one_shot: false,
        }
    }
}

impl ReadStats {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .set("stream", self.stream) // engines stream unless told not to
            .flag("one-shot", self.one_shot)
    }
}

/// One sample of what a container uses. Definition `ContainerStatsResponse`.
///
/// What an engine does not measure is 0 or empty; so is everything when the container does not run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// The container's id.
    pub id: String,
    /// Its name, with a slash in front.
    pub name: String,
    /// `linux` or `windows`. Since API 1.52.
    pub os_type: String,
    /// When the sample was taken, in RFC 3339; `0001-01-01T00:00:00Z` when it does not run.
    pub read: String,
    /// When the sample before was taken, in RFC 3339.
    pub preread: String,
    /// Use of the processors.
    pub cpu_stats: CpuStats,
    /// Use of the processors in the sample before; empty in the first one.
    pub precpu_stats: CpuStats,
    /// Use of memory.
    pub memory_stats: MemoryStats,
    /// Use of each network, by the interface's name.
    pub networks: BTreeMap<String, NetworkStats>,
    /// Processes and threads.
    pub pids_stats: PidsStats,
    /// Use of block devices.
    pub blkio_stats: BlkioStats,
    /// How many processors there are (Windows).
    pub num_procs: u32,
    /// Use of storage (Windows).
    pub storage_stats: StorageStats,
}

/// Use of the processors. Definition `ContainerCPUStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CpuStats {
    /// Use by the container.
    pub cpu_usage: CpuUsage,
    /// Use by the whole host in nanoseconds.
    pub system_cpu_usage: u64,
    /// How many processors are at work.
    pub online_cpus: u32,
    /// How the container was held back.
    pub throttling_data: ThrottlingData,
}

/// Processor time of a container, in nanoseconds (Windows: units of 100). Definition `ContainerCPUUsage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CpuUsage {
    /// All of it.
    pub total_usage: u64,
    /// By processor; cgroup v1 only.
    pub percpu_usage: Vec<u64>,
    /// In the kernel.
    pub usage_in_kernelmode: u64,
    /// In programs.
    pub usage_in_usermode: u64,
}

/// How a processor limit held a container back. Definition `ContainerThrottlingData`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ThrottlingData {
    /// How many periods the limit was in force.
    pub periods: u64,
    /// In how many of them it was reached.
    pub throttled_periods: u64,
    /// For how many nanoseconds the container stood still.
    pub throttled_time: u64,
}

/// Use of memory. Definition `ContainerMemoryStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Bytes in use, with the cache of files; see [`Stats::memory_usage`].
    pub usage: u64,
    /// The most bytes ever in use; cgroup v1 only.
    pub max_usage: u64,
    /// The kernel's own counters; their names differ between cgroup v1 and v2.
    pub stats: BTreeMap<String, u64>,
    /// How often the limit was reached; cgroup v1 only.
    pub failcnt: u64,
    /// The limit in bytes; the host's memory when there is none.
    pub limit: u64,
    /// Committed bytes (Windows).
    pub commitbytes: u64,
    /// The most bytes ever committed (Windows).
    pub commitpeakbytes: u64,
    /// Bytes of the private working set (Windows).
    pub privateworkingset: u64,
}

/// Traffic of a network interface. Definition `ContainerNetworkStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NetworkStats {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received with errors.
    pub rx_errors: u64,
    /// Packets dropped on receipt.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped instead of being sent.
    pub tx_dropped: u64,
    /// The id of the place in the network (Windows).
    pub endpoint_id: String,
    /// The id of the interface (Windows).
    pub instance_id: String,
}

/// Processes and threads. Definition `ContainerPidsStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PidsStats {
    /// How many there are.
    pub current: u64,
    /// How many there may be; 0 and the highest number are no limit.
    pub limit: u64,
}

/// Use of block devices; cgroup v2 fills the first list only. Definition `ContainerBlkioStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BlkioStats {
    /// Bytes.
    pub io_service_bytes_recursive: Vec<BlkioEntry>,
    /// Operations.
    pub io_serviced_recursive: Vec<BlkioEntry>,
    /// Operations that wait in the queue.
    pub io_queue_recursive: Vec<BlkioEntry>,
    /// Nanoseconds of service.
    pub io_service_time_recursive: Vec<BlkioEntry>,
    /// Nanoseconds of waiting.
    pub io_wait_time_recursive: Vec<BlkioEntry>,
    /// Operations that were merged.
    pub io_merged_recursive: Vec<BlkioEntry>,
    /// Milliseconds of device time.
    pub io_time_recursive: Vec<BlkioEntry>,
    /// Sectors.
    pub sectors_recursive: Vec<BlkioEntry>,
}

/// One counter of a block device. Definition `ContainerBlkioStatEntry`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BlkioEntry {
    /// The device's major number.
    pub major: u64,
    /// The device's minor number.
    pub minor: u64,
    /// What is counted: `read`, `write` …; older engines write it with a capital.
    pub op: String,
    /// The count.
    pub value: u64,
}

/// Use of storage on Windows. Definition `ContainerStorageStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StorageStats {
    /// Reads.
    pub read_count_normalized: u64,
    /// Bytes read.
    pub read_size_bytes: u64,
    /// Writes.
    pub write_count_normalized: u64,
    /// Bytes written.
    pub write_size_bytes: u64,
}
