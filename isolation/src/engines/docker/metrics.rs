//! The resources that an environment's container uses.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use engine_api::containers::{ReadStats, Stats};

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::instance::Metrics;
use crate::error::{Error, Result};
use crate::metrics::MetricsSample;

/// A daemon reports the machine's memory as the limit of a container without one, and a number near
/// the highest one as the limit of its processes.
const NO_LIMIT: u64 = 1 << 50;

impl DockerInstance {
    fn memory_limit(&self) -> Option<u64> {
        Some(self.memory_limit.load(Ordering::Acquire)).filter(|limit| *limit > 0)
    }
}

impl Metrics for DockerInstance {
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>> {
        Box::pin(async move {
            let containers = self.container.docker.containers();
            let read = |name: String| async move {
                let once = ReadStats {
                    stream: false,
                    one_shot: true,
                };
                containers.stats(&name, once).await
            };
            let lost = |error: engine_api::Error| match error.is_not_found() {
                true => Error::lost(),
                false => to_error(error),
            };
            self.container.check_feature(Feature::Metrics).await?;
            let mut samples = self.container.call(read).await.map_err(lost)?;
            match samples.next().await {
                Some(Ok(stats)) => Ok(sample(&stats, self.memory_limit())),
                Some(Err(error)) => Err(lost(error)),
                None => Err(Error::engine(super::NAME, "the daemon sent no sample")),
            }
        })
    }
}

fn time(text: &str) -> Option<SystemTime> {
    Timestamp::from_rfc3339(text).ok()?.to_system_time()
}

fn sample(stats: &Stats, memory_limit: Option<u64>) -> MetricsSample {
    let network =
        |bytes: fn(&engine_api::containers::NetworkStats) -> u64| stats.networks.values().map(bytes).sum();
    let disk = |operation: &str| {
        let entries = stats.blkio_stats.io_service_bytes_recursive.iter();
        let matching = entries.filter(|entry| entry.op.eq_ignore_ascii_case(operation));
        matching.map(|entry| entry.value).sum()
    };
    let processes_limit = stats.pids_stats.limit;
    MetricsSample {
        cpu_time: Duration::from_nanos(stats.cpu_stats.cpu_usage.total_usage),
        memory: stats.memory_usage(),
        // Only version 1 of the control groups counts it.
        memory_peak: stats.memory_stats.max_usage.max(stats.memory_usage()),
        memory_limit,
        processes: stats.pids_stats.current,
        processes_limit: (1..NO_LIMIT)
            .contains(&processes_limit)
            .then_some(processes_limit),
        network_received: network(|one| one.rx_bytes),
        network_sent: network(|one| one.tx_bytes),
        disk_read: disk("read"),
        disk_written: disk("write"),
        ..MetricsSample::new(time(&stats.read).unwrap_or_else(SystemTime::now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_all_interfaces_and_devices_are_added() {
        let text = r#"{"read":"2025-11-28T18:29:37.250000000Z","cpu_stats":{"cpu_usage":{"total_usage":2500}},
            "memory_stats":{"usage":1000,"limit":99,"stats":{"inactive_file":400}},
            "pids_stats":{"current":3,"limit":18446744073709551615},
            "networks":{"eth0":{"rx_bytes":5,"tx_bytes":7},"eth1":{"rx_bytes":1,"tx_bytes":1}},
            "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":10},
            {"major":8,"minor":0,"op":"write","value":20},{"major":8,"minor":1,"op":"read","value":1}]}}"#;
        let stats: Stats = engine_api::from_json(text.as_bytes()).unwrap();
        let found = sample(&stats, Some(2000));
        let expected = MetricsSample {
            cpu_time: Duration::from_nanos(2500),
            memory: 600,
            memory_peak: 600,
            memory_limit: Some(2000),
            processes: 3,
            network_received: 6,
            network_sent: 8,
            disk_read: 11,
            disk_written: 20,
            ..MetricsSample::new(time("2025-11-28T18:29:37.250000000Z").unwrap())
        };
        assert_eq!(found, expected);
    }
}
