//! Reading the resource usage of a container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::common::rfc3339_nanos;
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
    /// Whether to return at once, without an earlier sample to compare with; requires `stream` off.
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
/// Values that an engine does not measure are 0 or empty, as are all values of a container that is
/// not running.
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

/// Block I/O; cgroup v2 fills the first list only. Definition `ContainerBlkioStats`.
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

impl Stats {
    /// CPU usage since the previous sample, in percent of one CPU.
    ///
    /// 0 if the container is not running. The first sample of a stream and a one-shot sample have
    /// no previous sample; the result is then the average since the host's start, as the docker
    /// command shows it. Wait for the second sample to get the current usage.
    pub fn cpu_percent(&self) -> f64 {
        if self.is_windows() {
            return self.cpu_percent_windows();
        }
        let (now, before) = (&self.cpu_stats, &self.precpu_stats);
        let used = now
            .cpu_usage
            .total_usage
            .saturating_sub(before.cpu_usage.total_usage);
        let passed = now.system_cpu_usage.saturating_sub(before.system_cpu_usage);
        let processors = match now.online_cpus {
            0 => now.cpu_usage.percpu_usage.len() as f64,
            online => f64::from(online),
        };
        if passed == 0 {
            return 0.0;
        }
        used as f64 / passed as f64 * processors * 100.0
    }

    /// CPU usage in percent of all CPUs, as Windows counts it.
    fn cpu_percent_windows(&self) -> f64 {
        let Some(passed) = rfc3339_nanos(&self.read)
            .zip(rfc3339_nanos(&self.preread))
            .map(|(a, b)| a - b)
        else {
            return 0.0;
        };
        let possible = passed / 100 * i128::from(self.num_procs);
        let (now, before) = (&self.cpu_stats.cpu_usage, &self.precpu_stats.cpu_usage);
        let used = now.total_usage.saturating_sub(before.total_usage);
        if possible <= 0 {
            0.0
        } else {
            used as f64 / possible as f64 * 100.0
        }
    }

    /// Bytes of memory in use, without the page cache that the kernel could release.
    pub fn memory_usage(&self) -> u64 {
        let memory = &self.memory_stats;
        if self.is_windows() {
            return memory.privateworkingset;
        }
        // cgroup v1, then cgroup v2
        ["total_inactive_file", "inactive_file"]
            .iter()
            .filter_map(|key| memory.stats.get(*key))
            .find(|cache| **cache < memory.usage)
            .map_or(memory.usage, |cache| memory.usage - cache)
    }

    /// [`Stats::memory_usage`] in percent of the limit; 0 if the limit is unknown.
    pub fn memory_percent(&self) -> f64 {
        match self.memory_stats.limit {
            0 => 0.0,
            limit => self.memory_usage() as f64 / limit as f64 * 100.0,
        }
    }

    /// Bytes received and sent on all networks.
    pub fn network_io(&self) -> (u64, u64) {
        self.networks.values().fold((0, 0), |(rx, tx), network| {
            (
                rx.saturating_add(network.rx_bytes),
                tx.saturating_add(network.tx_bytes),
            )
        })
    }

    /// Bytes read from and written to block devices.
    pub fn block_io(&self) -> (u64, u64) {
        if self.is_windows() {
            return (
                self.storage_stats.read_size_bytes,
                self.storage_stats.write_size_bytes,
            );
        }
        let sum = |letter: u8| {
            let first =
                |entry: &&BlkioEntry| entry.op.as_bytes().first().map(u8::to_ascii_lowercase) == Some(letter);
            let entries = self.blkio_stats.io_service_bytes_recursive.iter();
            entries
                .filter(first)
                .fold(0u64, |sum, entry| sum.saturating_add(entry.value))
        };
        (sum(b'r'), sum(b'w'))
    }

    fn is_windows(&self) -> bool {
        // Engines before API 1.52 do not send it, but set this count on Windows only.
        match self.os_type.as_str() {
            "" => self.num_procs > 0,
            os => os == "windows",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    fn stats(json: &str) -> Stats {
        decode(json.as_bytes()).unwrap()
    }

    #[test]
    fn cpu_percent_on_cgroup_v1_uses_the_list_of_cpus() {
        let sample = stats(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":300,"percpu_usage":[200,100]},"system_cpu_usage":3000},
                "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":2000},
                "memory_stats":{"usage":1000,"limit":4000,"stats":{"cache":900,"total_inactive_file":200}},
                "pids_stats":{"limit":18446744073709551615}}"#,
        );
        assert_eq!(sample.cpu_percent(), 40.0);
        assert_eq!((sample.memory_usage(), sample.memory_percent()), (800, 20.0));
        assert_eq!(sample.pids_stats.limit, u64::MAX);
    }

    #[test]
    fn cpu_and_memory_percent_on_cgroup_v2() {
        let sample = stats(
            r#"{"os_type":"linux","num_procs":0,
                "cpu_stats":{"cpu_usage":{"total_usage":200},"system_cpu_usage":3000,"online_cpus":4},
                "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":2000,"online_cpus":4},
                "memory_stats":{"usage":1000,"limit":4000,"stats":{"inactive_file":1001}},
                "networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":3,"tx_bytes":4}},
                "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":5},{"op":"Write","value":6},
                {"op":"Read","value":1},{"op":"","value":9}],"io_serviced_recursive":null}}"#,
        );
        assert_eq!(sample.cpu_percent(), 40.0);
        assert_eq!(sample.memory_usage(), 1000); // more cache than use: not subtracted
        assert_eq!((sample.network_io(), sample.block_io()), ((4, 6), (6, 6)));
    }

    #[test]
    fn cpu_percent_on_windows_is_of_all_cpus() {
        let sample = stats(
            r#"{"num_procs":2,"read":"2024-01-01T00:00:01.5Z","preread":"2024-01-01T02:00:00.500000000+02:00",
                "cpu_stats":{"cpu_usage":{"total_usage":15000000}},
                "precpu_stats":{"cpu_usage":{"total_usage":5000000}},
                "memory_stats":{"privateworkingset":77},"storage_stats":{"read_size_bytes":1,"write_size_bytes":2}}"#,
        );
        assert_eq!(sample.cpu_percent(), 50.0);
        assert_eq!((sample.memory_usage(), sample.block_io()), (77, (1, 2)));
    }

    #[test]
    fn cpu_percent_of_a_first_sample_is_the_average() {
        let cpu = r#"{"cpu_usage":{"total_usage":300},"system_cpu_usage":3000,"online_cpus":2}"#;
        let percent = |before: &str| {
            let sample = format!(r#"{{"cpu_stats":{cpu},"precpu_stats":{before}}}"#);
            stats(&sample).cpu_percent()
        };
        for before in ["null", "{}", r#"{"cpu_usage":{"total_usage":0}}"#] {
            assert_eq!(percent(before), 20.0, "{before}");
        }
        let later = r#"{"cpu_usage":{"total_usage":400},"system_cpu_usage":2000}"#;
        for before in [cpu, later] {
            assert_eq!(percent(before), 0.0, "{before}");
        }
        assert_eq!(stats(&format!(r#"{{"cpu_stats":{cpu}}}"#)).cpu_percent(), 20.0);
        let windows = stats(r#"{"os_type":"windows","num_procs":2,"read":"2024-01-01T00:00:01Z"}"#);
        assert_eq!(windows.cpu_percent(), 0.0);
    }

    #[test]
    fn memory_usage_subtracts_the_first_valid_cache() {
        let sample = |caches: &str| {
            stats(&format!(
                r#"{{"memory_stats":{{"usage":1000,"stats":{caches}}}}}"#
            ))
        };
        for (caches, used) in [
            (r#"{"total_inactive_file":300,"inactive_file":200}"#, 700),
            (r#"{"total_inactive_file":1000,"inactive_file":200}"#, 800),
            (r#"{"cache":900}"#, 1000),
            ("null", 1000),
        ] {
            assert_eq!(sample(caches).memory_usage(), used, "{caches}");
        }
    }

    #[test]
    fn stats_of_a_stopped_container_are_zero() {
        let sample = stats(
            r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"networks":null,
                "cpu_stats":{"cpu_usage":{"total_usage":0},"throttling_data":{}},"memory_stats":{},"num_procs":0}"#,
        );
        assert_eq!((sample.cpu_percent(), sample.memory_percent()), (0.0, 0.0));
        assert_eq!(
            (sample.memory_usage(), sample.network_io(), sample.block_io()),
            (0, (0, 0), (0, 0))
        );
    }
}
