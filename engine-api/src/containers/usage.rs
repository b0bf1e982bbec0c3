//! The values that the docker command computes from a sample of [`Stats`].

use super::stats::{BlkioEntry, Stats};
use crate::common::Timestamp;

impl Stats {
    /// CPU usage since the previous sample, in percent of one CPU.
    ///
    /// 0 if the container is not running. The first sample of a stream and a one-shot sample have
    /// no previous sample. Then the result is the average since the host's start, as in the docker
    /// command. Wait for the second sample to get the current usage.
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

    /// CPU usage in percent of all CPUs, the unit of Windows.
    fn cpu_percent_windows(&self) -> f64 {
        let nanos = |text: &str| Timestamp::from_rfc3339(text).map(Timestamp::as_nanos);
        let (Ok(read), Ok(preread)) = (nanos(&self.read), nanos(&self.preread)) else {
            return 0.0;
        };
        let passed = read - preread;
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
    fn cpu_percent_of_no_time_is_zero() {
        let sample = stats(
            r#"{"num_procs":2,"read":"2024-01-01T00:00:01Z","preread":"2024-01-01T00:00:01Z",
                "cpu_stats":{"cpu_usage":{"total_usage":15000000}}}"#,
        );
        assert_eq!(sample.cpu_percent(), 0.0);
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
