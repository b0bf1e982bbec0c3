//! Reading the resource usage of a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::{JsonLines, StreamItem};

pub(super) static STATS: Operation<Lines<Stats>> = Operation::get("ContainerStats", "/containers/{id}/stats");

impl Containers<'_> {
    /// Reads the resource usage of a container: about once per second until dropped, or once.
    pub async fn stats(&self, id: &str, options: ReadStats) -> Result<JsonLines<Stats>> {
        self.docker
            .call(&STATS)
            .at(id)
            .query(options.query())
            .reject_if(options.check())
            .send()
            .await
    }
}

/// How to read samples. Query of `ContainerStats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadStats {
    /// Whether to stream one sample per second; on by default.
    pub stream: bool,
    /// Whether to return at once, without a previous sample; requires `stream: false`.
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
            .set("stream", self.stream) // engines stream by default
            .flag("one-shot", self.one_shot)
    }

    fn check(&self) -> Option<String> {
        let both = self.stream && self.one_shot;
        both.then(|| "`one_shot` requires `stream: false`".into())
    }
}

/// One sample of the resource usage of a container. Definition `ContainerStatsResponse`.
///
/// Values that an engine does not measure are 0 or empty. All values of a container that is not
/// running are 0 or empty, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// ID of the container.
    pub id: String,
    /// Name of the container, with a leading slash.
    pub name: String,
    /// `linux` or `windows`. Since API 1.52.
    pub os_type: String,
    /// Time of the sample, in RFC 3339; `0001-01-01T00:00:00Z` if the container is not running.
    pub read: String,
    /// Time of the previous sample, in RFC 3339.
    pub preread: String,
    /// CPU usage.
    pub cpu_stats: CpuStats,
    /// CPU usage in the previous sample; empty in the first one.
    pub precpu_stats: CpuStats,
    /// Memory usage.
    pub memory_stats: MemoryStats,
    /// Network traffic by interface name.
    pub networks: BTreeMap<String, NetworkStats>,
    /// Processes and threads.
    pub pids_stats: PidsStats,
    /// Block I/O.
    pub blkio_stats: BlkioStats,
    /// Number of CPUs (Windows).
    pub num_procs: u32,
    /// Storage I/O (Windows).
    pub storage_stats: StorageStats,
}

/// CPU usage. Definition `ContainerCPUStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CpuStats {
    /// CPU time of the container.
    pub cpu_usage: CpuUsage,
    /// CPU time of the whole host in nanoseconds.
    pub system_cpu_usage: u64,
    /// Number of online CPUs.
    pub online_cpus: u32,
    /// Throttling by the CPU limit.
    pub throttling_data: ThrottlingData,
}

/// CPU time of a container, in nanoseconds (Windows: in units of 100). Definition
/// `ContainerCPUUsage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CpuUsage {
    /// Total.
    pub total_usage: u64,
    /// Per CPU; cgroup v1 only.
    pub percpu_usage: Vec<u64>,
    /// In kernel mode.
    pub usage_in_kernelmode: u64,
    /// In user mode.
    pub usage_in_usermode: u64,
}

/// Throttling of a container by its CPU limit. Definition `ContainerThrottlingData`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ThrottlingData {
    /// Number of periods with a limit.
    pub periods: u64,
    /// Number of periods in which the limit was reached.
    pub throttled_periods: u64,
    /// Nanoseconds for which the container was throttled.
    pub throttled_time: u64,
}

/// Memory usage. Definition `ContainerMemoryStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Bytes in use, including the page cache; see [`Stats::memory_usage`].
    pub usage: u64,
    /// Maximum of the bytes in use; cgroup v1 only.
    pub max_usage: u64,
    /// Counters of the kernel; their names differ between cgroup v1 and v2.
    pub stats: BTreeMap<String, u64>,
    /// Number of times that the limit was reached; cgroup v1 only.
    pub failcnt: u64,
    /// Limit in bytes; the host's memory if the container is not limited.
    pub limit: u64,
    /// Committed bytes (Windows).
    pub commitbytes: u64,
    /// Maximum of the committed bytes (Windows).
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
    /// ID of the endpoint (Windows).
    pub endpoint_id: String,
    /// ID of the interface (Windows).
    pub instance_id: String,
}

/// Processes and threads. Definition `ContainerPidsStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PidsStats {
    /// Current number.
    pub current: u64,
    /// Limit; 0 and the highest number are unlimited.
    pub limit: u64,
}

/// Block I/O; with cgroup v2, only the first list has values. Definition `ContainerBlkioStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BlkioStats {
    /// Bytes.
    pub io_service_bytes_recursive: Vec<BlkioEntry>,
    /// Operations.
    pub io_serviced_recursive: Vec<BlkioEntry>,
    /// Operations in the queue.
    pub io_queue_recursive: Vec<BlkioEntry>,
    /// Nanoseconds of service.
    pub io_service_time_recursive: Vec<BlkioEntry>,
    /// Nanoseconds of waiting.
    pub io_wait_time_recursive: Vec<BlkioEntry>,
    /// Merged operations.
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
    /// Major number of the device.
    pub major: u64,
    /// Minor number of the device.
    pub minor: u64,
    /// Counted operation: `read`, `write` …; capitalised by older engines.
    pub op: String,
    /// Value of the counter.
    pub value: u64,
}

/// Storage I/O on Windows. Definition `ContainerStorageStats`.
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

impl StreamItem for Stats {}
