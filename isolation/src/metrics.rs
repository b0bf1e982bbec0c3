//! The resources that an environment uses.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The resources that an environment uses at one moment. Counters count since its start; a value
/// that the engine does not measure is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MetricsSample {
    /// The time of the sample.
    #[cfg_attr(feature = "schema", schemars(with = "crate::protocol::schema::Moment"))]
    #[serde(with = "crate::events::rfc3339")]
    pub at: SystemTime,
    /// The CPU time of all its processes. In JSON a number of seconds.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(with = "crate::spec::units::seconds")]
    pub cpu_time: Duration,
    /// The memory in use, in bytes, without the page cache that can be dropped.
    pub memory: u64,
    /// The peak memory usage, in bytes: since the start of the environment if the engine reports
    /// that, otherwise in the samples of this process.
    #[serde(default)]
    pub memory_peak: u64,
    /// The memory limit in bytes; `None` without one.
    pub memory_limit: Option<u64>,
    /// The number of processes and threads.
    pub processes: u64,
    /// The limit of their number; `None` without one.
    pub processes_limit: Option<u64>,
    /// Bytes received from networks.
    pub network_received: u64,
    /// Bytes sent to networks.
    pub network_sent: u64,
    /// Bytes read from disks.
    pub disk_read: u64,
    /// Bytes written to disks.
    pub disk_written: u64,
    /// The total time of pauses that this process has observed. In JSON a number of seconds.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(default, with = "crate::spec::units::seconds")]
    pub paused: Duration,
    /// Whether it is paused at this moment, as far as this process has observed it: it then uses no
    /// CPU time, and its memory stays in use.
    #[serde(default)]
    pub is_paused: bool,
    /// Whether the values are sums over the processes that run now, without a control group:
    /// [`MetricsKind::Approximate`](crate::MetricsKind::Approximate). Ended processes are then
    /// counted only in part.
    #[serde(default)]
    pub is_approximate: bool,
}

impl MetricsSample {
    /// A sample of this moment, with every value 0.
    pub fn new(at: SystemTime) -> Self {
        Self {
            at,
            cpu_time: Duration::ZERO,
            memory: 0,
            memory_peak: 0,
            memory_limit: None,
            processes: 0,
            processes_limit: None,
            network_received: 0,
            network_sent: 0,
            disk_read: 0,
            disk_written: 0,
            paused: Duration::ZERO,
            is_paused: false,
            is_approximate: false,
        }
    }

    /// The average number of CPUs in use since an earlier sample: 1.5 is one and a half. `None` if
    /// no time passed between the two, or if the environment was restarted.
    pub fn cpus_since(&self, earlier: &Self) -> Option<f64> {
        let passed = self.at.duration_since(earlier.at).ok()?;
        let used = self.cpu_time.checked_sub(earlier.cpu_time)?;
        (!passed.is_zero()).then(|| used.as_secs_f64() / passed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_computed_from_two_samples() {
        let start = SystemTime::UNIX_EPOCH;
        let first = MetricsSample::new(start);
        let second = MetricsSample {
            cpu_time: Duration::from_secs(3),
            ..MetricsSample::new(start + Duration::from_secs(2))
        };
        assert_eq!(second.cpus_since(&first), Some(1.5));
        let json = serde_json::to_string(&second).unwrap();
        assert_eq!(
            serde_json::from_str::<MetricsSample>(&json).unwrap(),
            second,
            "{json}"
        );
        assert_eq!(first.cpus_since(&second), None);
        assert_eq!(first.cpus_since(&first), None);
    }
}
