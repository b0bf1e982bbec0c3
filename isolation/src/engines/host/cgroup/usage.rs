//! The resource usage of a group.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{Cgroup, Controller, Version};
use crate::BoxFuture;
use crate::engine::instance::Metrics;
use crate::error::Result;
use crate::metrics::MetricsSample;

impl Cgroup {
    /// The current usage of its processes. Networks and disks are not counted by group.
    pub(crate) fn usage(&self) -> MetricsSample {
        let (usage, peak) = match self.version {
            Version::Unified => ("memory.current", "memory.peak"),
            Version::Separate => ("memory.usage_in_bytes", "memory.max_usage_in_bytes"),
        };
        let memory = |file| self.number(Controller::Memory, file).unwrap_or(0);
        let cache = self.droppable_cache();
        MetricsSample {
            cpu_time: self.cpu_time(),
            memory: memory(usage).saturating_sub(cache),
            memory_peak: memory(peak),
            memory_limit: self.memory_limit(),
            processes: self.number(Controller::Pids, "pids.current").unwrap_or(0),
            processes_limit: self.number(Controller::Pids, "pids.max"),
            ..MetricsSample::new(SystemTime::now())
        }
    }

    /// How many processes the kernel has killed at the memory limit; 0 if it does not count them.
    pub(crate) fn killed_at_limit(&self) -> u64 {
        let file = match self.version {
            Version::Unified => "memory.events",
            Version::Separate => "memory.oom_control",
        };
        self.field(Controller::Memory, file, "oom_kill ")
    }

    fn droppable_cache(&self) -> u64 {
        let key = match self.version {
            Version::Unified => "inactive_file",
            Version::Separate => "total_inactive_file",
        };
        self.field(Controller::Memory, "memory.stat", key)
    }

    fn cpu_time(&self) -> Duration {
        match self.version {
            Version::Unified => {
                Duration::from_micros(self.field(Controller::Cpuacct, "cpu.stat", "usage_usec"))
            }
            Version::Separate => {
                Duration::from_nanos(self.number(Controller::Cpuacct, "cpuacct.usage").unwrap_or(0))
            }
        }
    }

    /// The value of a key in a file of lines `key value`; 0 if the key is missing.
    fn field(&self, controller: Controller, file: &str, key: &str) -> u64 {
        let path = self.directory(controller).map(|directory| directory.join(file));
        let text = path
            .and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default();
        let value = |line: &str| line.strip_prefix(key)?.trim().parse().ok();
        text.lines().find_map(value).unwrap_or(0)
    }
}

impl Metrics for Cgroup {
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>> {
        Box::pin(std::future::ready(Ok(self.usage())))
    }
}
