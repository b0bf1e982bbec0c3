//! Finds the processes of an environment by an environment variable, also those that left their
//! process group, as daemons do, and those that another process has started.
//!
//! On a system without `/proc` they are not found. Processes of this process that stay in their
//! group are always found.

use rustix::process::Pid;

use crate::command::signal::Signal;
use crate::environment::id::EnvironmentId;

/// The environment variable by which the processes of an environment are found.
pub(crate) const MARK: &str = "ISOLATION_ENVIRONMENT";

/// Sends a signal to every process with the mark of the environment, unless `skip` is true for its
/// process group; returns their number.
#[cfg(not(target_os = "linux"))]
pub(crate) fn signal_all(_: &EnvironmentId, _: Signal, _: impl Fn(Pid) -> bool) -> usize {
    0
}

#[cfg(target_os = "linux")]
pub(crate) use linux::signal_all;

/// Whether a process with the mark of the environment runs.
#[cfg(not(target_os = "linux"))]
pub(crate) fn any(_: &EnvironmentId) -> bool {
    false
}

#[cfg(target_os = "linux")]
pub(crate) use linux::any;

/// Kills every process with the mark of the environment.
pub(crate) fn kill_all(id: &EnvironmentId) {
    // Several rounds: a process may fork after it was found and before it is killed.
    for _ in 0..ROUNDS {
        if signal_all(id, Signal::Kill, |_: Pid| false) == 0 {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

const ROUNDS: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

    use super::MARK;
    use crate::command::signal::Signal;
    use crate::engines::host::process_group;
    use crate::environment::id::EnvironmentId;

    pub(crate) fn signal_all(id: &EnvironmentId, signal: Signal, skip: impl Fn(Pid) -> bool) -> usize {
        let mark = mark(id);
        let skipped = |pid: i32| group(pid).is_some_and(&skip);
        let chosen = pids().filter(|pid| !skipped(*pid));
        chosen.filter(|pid| signal_if_marked(*pid, &mark, signal)).count()
    }

    pub(crate) fn any(id: &EnvironmentId) -> bool {
        let mark = mark(id);
        pids().any(|pid| is_marked(pid, &mark))
    }

    fn mark(id: &EnvironmentId) -> String {
        format!("{MARK}={id}")
    }

    /// All processes but this one: a command in the environment may destroy the environment.
    fn pids() -> impl Iterator<Item = i32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| i64::from(*pid) != i64::from(std::process::id()))
    }

    /// The process group: the third field after the name, which is in parentheses.
    fn group(pid: i32) -> Option<Pid> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1;
        Pid::from_raw(fields.split_whitespace().nth(2)?.parse().ok()?)
    }

    fn signal_if_marked(pid: i32, mark: &str, signal: Signal) -> bool {
        if !is_marked(pid, mark) {
            return false;
        }
        let Some(pid) = Pid::from_raw(pid) else {
            return false;
        };
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
            return false;
        };
        // Checked again: the descriptor refers to one process for ever, while the PID may have been
        // reused before it was opened.
        is_marked(pid.as_raw_nonzero().get(), mark)
            && pidfd_send_signal(&process, process_group::number(signal)).is_ok()
    }

    /// A process that has ended and was not waited for has no variables.
    fn is_marked(pid: i32, mark: &str) -> bool {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    }
}
