//! The first process of an environment, also of another owner: how it is found and ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::layout::Layout;

/// How long a killed environment may take to end.
const END: Duration = Duration::from_secs(10);

/// How often that is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// A process, also of another owner, with its start time: a PID can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pid: i32,
    start: u64,
}

impl Process {
    pub(super) fn pid(self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// The text from which [`of`](Self::of) finds it.
    pub(super) fn record(self) -> String {
        format!("{} {}\n", self.pid, self.start)
    }

    /// A process that runs now.
    pub(super) fn running(pid: i32) -> Option<Self> {
        let start = started(pid)?;
        Some(Self { pid, start })
    }

    /// The first process of an environment of any owner, if it still runs.
    pub(super) fn of(layout: &Layout) -> Option<Self> {
        Self::recorded(&layout.holder())
    }

    /// The process of a record, if it still runs.
    pub(super) fn recorded(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        let (pid, start) = (pid.parse().ok()?, start.parse().ok()?);
        (started(pid) == Some(start)).then_some(Self { pid, start })
    }

    /// The PID of its parent; `None` if it has ended.
    pub(super) fn parent(self) -> Option<u32> {
        stat(self.pid).map(|stat| stat.parent.unsigned_abs())
    }

    /// Whether it still runs.
    pub(super) fn runs(self) -> bool {
        started(self.pid) == Some(self.start)
    }

    /// Its network; `None` if it has ended.
    pub(super) fn network(self) -> Option<std::path::PathBuf> {
        let network = fs::read_link(format!("/proc/{}/ns/net", self.pid)).ok()?;
        self.runs().then_some(network)
    }

    /// The root of the environment, as this machine sees it.
    pub(super) fn root(self) -> std::path::PathBuf {
        format!("/proc/{}/root", self.pid).into()
    }

    /// Whether a process runs in the environment beside the first one.
    pub(super) fn has_children(self) -> bool {
        all().any(|(_, found)| found.parent == self.pid)
    }

    /// The processes of the environment, the first one included.
    pub(super) fn tree(self) -> BTreeMap<i32, Stat> {
        let all: BTreeMap<i32, Stat> = all().collect();
        let mut found: BTreeMap<i32, Stat> = all
            .get_key_value(&self.pid)
            .map(|(pid, stat)| (*pid, *stat))
            .into_iter()
            .collect();
        loop {
            let is_new =
                |(pid, stat): &(&i32, &Stat)| found.contains_key(&stat.parent) && !found.contains_key(*pid);
            let new: Vec<(i32, Stat)> = all
                .iter()
                .filter(is_new)
                .map(|(pid, stat)| (*pid, *stat))
                .collect();
            if new.is_empty() {
                return found;
            }
            found.extend(new);
        }
    }

    /// Kills it, and with it every process of the environment. Returns whether it is gone.
    pub(super) fn kill(self) -> bool {
        let until = Instant::now() + END;
        let descriptor = Pid::from_raw(self.pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        // Read again: the descriptor refers to one process for ever, while the PID may have been
        // used again before.
        if let Some(Ok(process)) = descriptor {
            if started(self.pid) == Some(self.start) {
                // It may have ended by itself.
                let _ = pidfd_send_signal(&process, Signal::KILL);
            }
        }
        // Its entry is gone, or that of another process, when all others have ended.
        while started(self.pid) == Some(self.start) {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

/// The processes of this machine.
fn all() -> impl Iterator<Item = (i32, Stat)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?)))
}

/// The record of a process in `/proc`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) parent: i32,
    /// The CPU time, in hundredths of a second.
    pub(super) cpu_time: u64,
    start: u64,
}

/// The record of a process; `None` if it has ended.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and may contain blanks and parentheses.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let time = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        cpu_time: time(11)? + time(12)?,
        start: fields.get(19)?.parse().ok()?,
    })
}

fn started(pid: i32) -> Option<u64> {
    stat(pid).map(|stat| stat.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_found_by_its_start() {
        let this = i32::try_from(std::process::id()).unwrap();
        let process = Process::running(this).unwrap();
        let other = Process {
            start: process.start + 1,
            ..process
        };
        assert!(other.kill(), "the PID belongs to another process");
        assert!(Process::running(i32::MAX).is_none());
    }
}
