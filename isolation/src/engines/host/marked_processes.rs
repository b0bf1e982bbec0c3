//! Finds processes that left their process group, as daemons do, by an environment variable.
//!
//! On a system without `/proc` they are not found. Processes that stay in their group are always
//! found.

use crate::environment::id::EnvironmentId;

#[cfg(not(target_os = "linux"))]
pub(crate) fn kill_all(_: &EnvironmentId) {}

/// Kills every process with the mark of the environment.
#[cfg(target_os = "linux")]
pub(crate) fn kill_all(id: &EnvironmentId) {
    // Several rounds: a process may fork after it was found and before it is killed.
    for _ in 0..ROUNDS {
        if linux::kill_round(id) == 0 {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(target_os = "linux")]
const ROUNDS: u32 = 100;
#[cfg(target_os = "linux")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use crate::engines::basic::MARK;
    use crate::environment::id::EnvironmentId;

    /// Kills the marked processes once; returns their number.
    pub(crate) fn kill_round(id: &EnvironmentId) -> usize {
        let mark = format!("{MARK}={id}");
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| kill_if_marked(*pid, &mark)).count()
    }

    fn kill_if_marked(pid: i32, mark: &str) -> bool {
        // Not this process: a command in the environment may destroy the environment.
        if i64::from(pid) == i64::from(std::process::id()) || !is_marked(pid, mark) {
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
        is_marked(pid.as_raw_nonzero().get(), mark) && pidfd_send_signal(&process, Signal::KILL).is_ok()
    }

    fn is_marked(pid: i32, mark: &str) -> bool {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    }
}
