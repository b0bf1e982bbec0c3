//! The resource usage of an environment without a control group: that of its processes, as `/proc`
//! reports it.
//!
//! A process that has ended has no entry there. Its CPU time is counted if a process of the
//! environment waited for it, as a shell does, or if an earlier sample has seen it. So the CPU time
//! is at most the real one. Memory that several processes share is divided among them where this
//! user may read that, and otherwise counted for each one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::engine::capabilities::{Capabilities, Feature};
use crate::engine::values::MetricsKind;
use crate::metrics::MetricsSample;
use crate::spec::limits::ResourceLimits;

/// The length of the unit of CPU times in `/proc`, which is the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The usage of processes that samples of an environment have seen.
#[derive(Debug, Default)]
pub(crate) struct ProcessUsage(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The processes of the last sample, by their PIDs.
    last: BTreeMap<i32, Entry>,
    /// The CPU time of ended processes for which no process of the environment waited, in ticks.
    ended: u64,
    /// The last CPU time, in ticks. A process that ends during a sample may be missed once.
    most: u64,
}

/// A process in `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    parent: i32,
    /// The CPU time of the process, and of the processes for which it waited, in ticks.
    time: u64,
    threads: u64,
    /// A PID can be used again.
    start: u64,
}

/// Adds metrics that are sums over processes, if there are no exact ones.
pub(crate) fn complete(capabilities: Capabilities) -> Capabilities {
    let mut values = capabilities.values().clone();
    let is_exact = capabilities.has(Feature::Metrics);
    if !is_exact && !is_possible() {
        return capabilities;
    }
    values.metrics = Some(match is_exact {
        true => MetricsKind::Exact,
        false => MetricsKind::Approximate,
    });
    capabilities.with([Feature::Metrics]).with_values(values)
}

/// Whether this system reports the usage of processes.
pub(crate) fn is_possible() -> bool {
    cfg!(target_os = "linux") && Path::new("/proc/self/stat").exists()
}

impl ProcessUsage {
    /// The usage of these processes now, which are all of the environment, with the limits of its
    /// control group.
    pub(crate) fn sample(
        &self,
        processes: impl IntoIterator<Item = i32>,
        limits: &ResourceLimits,
    ) -> MetricsSample {
        let found: BTreeMap<i32, (Entry, u64)> = processes
            .into_iter()
            .filter_map(|pid| Some((pid, (Entry::read(pid)?, memory(pid)))))
            .collect();
        let entries = found.iter().map(|(pid, (entry, _))| (*pid, *entry)).collect();
        let ticks = self.0.lock().unwrap_or_else(PoisonError::into_inner).add(entries);
        MetricsSample {
            cpu_time: TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX)),
            memory: found.values().map(|(_, memory)| memory).sum(),
            memory_limit: limits.memory,
            processes: found.values().map(|(entry, _)| entry.threads).sum(),
            processes_limit: limits.pids,
            is_approximate: true,
            ..MetricsSample::new(SystemTime::now())
        }
    }
}

impl Seen {
    /// The CPU time of the environment, in ticks, now that these processes run.
    fn add(&mut self, now: BTreeMap<i32, Entry>) -> u64 {
        let runs = |pid: &i32, entry: &Entry| now.get(pid).is_some_and(|found| found.start == entry.start);
        let ended = self.last.iter().filter(|(pid, entry)| !runs(pid, entry));
        // One of its ancestors has waited for it, or for the one that waited for it.
        let is_counted = |entry: &Entry| {
            let mut parent = entry.parent;
            // The walk ends: each process is visited at most once, also if PIDs were used again.
            for _ in 0..self.last.len() {
                match self.last.get(&parent) {
                    Some(above) if runs(&parent, above) => return true,
                    Some(above) => parent = above.parent,
                    None => return false,
                }
            }
            false
        };
        self.ended += ended
            .filter(|(_, entry)| !is_counted(entry))
            .map(|(_, entry)| entry.time)
            .sum::<u64>();
        self.most = self
            .most
            .max(self.ended + now.values().map(|entry| entry.time).sum::<u64>());
        self.last = now;
        self.most
    }
}

impl Entry {
    /// `None` if it has ended.
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name is in parentheses, and may contain blanks and parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            time: (11..15).map(number).sum::<Option<u64>>()?,
            threads: number(17)?,
            start: number(19)?,
        })
    }
}

/// The memory of a process, in bytes; 0 if it has ended.
fn memory(pid: i32) -> u64 {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let share = bytes(&file("smaps_rollup"), "Pss:");
    share.or_else(|| bytes(&file("status"), "VmRSS:")).unwrap_or(0)
}

/// The value of a line such as `VmRSS:   12 kB`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::capabilities::IsolationLevel;

    fn entry(parent: i32, time: u64, start: u64) -> Entry {
        Entry {
            parent,
            time,
            threads: 1,
            start,
        }
    }

    #[test]
    fn cpu_time_of_ended_processes_is_counted_once() {
        let mut seen = Seen::default();
        let first = [
            (10, entry(1, 5, 0)),
            (11, entry(10, 20, 0)),
            (12, entry(11, 3, 0)),
            (20, entry(1, 7, 0)),
        ];
        assert_eq!(seen.add(first.into()), 35);
        // 10 has waited for 11, which has waited for 12; nothing of the environment has for 20.
        assert_eq!(seen.add([(10, entry(1, 30, 0))].into()), 37);
        // A process that ended while the files were read is missed in one sample.
        assert_eq!(seen.add([(10, entry(1, 29, 0))].into()), 37);
        // The PID was used again.
        assert_eq!(seen.add([(10, entry(1, 1, 9))].into()), 37, "7 + 29 + 1");
        assert_eq!(seen.add([(10, entry(1, 8, 9))].into()), 44);
        // A circle of parents, which only used PIDs can make.
        seen.add([(1, entry(2, 0, 0)), (2, entry(1, 0, 0))].into());
        assert_eq!(seen.add(BTreeMap::new()), 44);
    }

    #[test]
    fn entry_is_read_from_a_line_with_any_name() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 0 1 2 3 4 10 20 30 40 20 0 6 0 555 9 9\n";
        let expected = Entry {
            parent: 3,
            time: 100,
            threads: 6,
            start: 555,
        };
        assert_eq!(Entry::parse(line), Some(expected));
        assert_eq!(Entry::parse("7 (a) S 3"), None);
        assert_eq!(Entry::parse(""), None);
    }

    #[test]
    fn memory_is_that_of_a_line() {
        assert_eq!(bytes("Rss:  1 kB\nPss:   12 kB\n", "Pss:"), Some(12 << 10));
        assert_eq!(bytes("Pss: 12\n", "Pss:"), None);
        assert_eq!(memory(i32::MAX), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn usage_of_this_process_is_measured() {
        let usage = ProcessUsage::default();
        let this = i32::try_from(std::process::id()).unwrap();
        let limits = ResourceLimits {
            pids: Some(9),
            ..ResourceLimits::default()
        };
        let sample = usage.sample([this, i32::MAX], &limits);
        assert!(sample.is_approximate && sample.memory > 1 << 16, "{sample:?}");
        assert!(
            sample.processes >= 1 && sample.processes_limit == Some(9),
            "{sample:?}"
        );
        let after = usage.sample([], &limits);
        assert_eq!((after.memory, after.processes), (0, 0));
        assert!(after.cpu_time >= sample.cpu_time, "{sample:?} {after:?}");
    }

    #[test]
    fn exact_metrics_stay_exact() {
        let exact = Capabilities::new(IsolationLevel::Process).with([Feature::Metrics]);
        assert_eq!(complete(exact).values().metrics, Some(MetricsKind::Exact));
        let completed = complete(Capabilities::new(IsolationLevel::Process));
        assert_eq!(completed.has(Feature::Metrics), is_possible());
        let expected = is_possible().then_some(MetricsKind::Approximate);
        assert_eq!(completed.values().metrics, expected);
    }
}
