//! The process groups of one environment, so that every group can be killed.
//!
//! The ID of a group is the PID of its first process, the leader. The system does not reuse that
//! number while the leader has not been waited for, or while another process of the group lives.
//! Afterwards it may. So each group is in one of two lists: `running` (the leader has not been
//! waited for, so signals are safe) and `background` (the leader has ended, other processes may
//! live). If a process has the number of a background group as its PID, the group has ended and the
//! number was reused: it gets no signal.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, kill_process_group, test_kill_process, test_kill_process_group};
use tokio::process::Child;

use crate::command::signal::Signal;

#[derive(Debug, Default)]
pub(crate) struct ProcessGroups(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    running: Vec<Pid>,
    background: Vec<Pid>,
}

impl ProcessGroups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command with `start`, which makes it the leader of a new group; `None` if the
    /// environment is closed. It holds the lock, so that no process starts between the end of an
    /// environment and the removal of its directory.
    pub(crate) fn spawn(
        &self,
        start: impl FnOnce() -> io::Result<Child>,
    ) -> Option<io::Result<(Child, Pid)>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let child = match start() {
            Ok(child) => child,
            Err(error) => return Some(Err(error)),
        };
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else {
            return Some(Err(io::Error::other("the new process has no PID")));
        };
        state.running.push(pid);
        Some(Ok((child, pid)))
    }

    /// Sends a signal to a group whose leader has not been waited for; otherwise does nothing.
    pub(crate) fn signal(&self, group: Pid, signal: Signal) -> io::Result<()> {
        let state = self.lock();
        if !state.running.contains(&group) {
            return Ok(());
        }
        match kill_process_group(group, number(signal)) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Records that the leader has been waited for. The rest of the group runs in the background.
    pub(crate) fn leader_ended(&self, group: Pid) {
        let mut state = self.lock();
        state.running.retain(|other| *other != group);
        if test_kill_process_group(group).is_ok() {
            state.background.push(group);
        }
    }

    /// Kills the group, because its leader will not be waited for.
    pub(crate) fn abandon(&self, group: Pid) {
        let mut state = self.lock();
        if state.running.contains(&group) {
            let _ = kill_process_group(group, rustix::process::Signal::KILL);
            state.running.retain(|other| *other != group);
        }
    }

    /// Sends a signal to every group.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let state = self.lock();
        let live = state.background.iter().filter(|group| !is_reused(**group));
        for group in state.running.iter().chain(live) {
            let _ = kill_process_group(*group, number(signal));
        }
    }

    /// Whether [`signal_all`](Self::signal_all) signals this group.
    pub(crate) fn contains(&self, group: Pid) -> bool {
        let state = self.lock();
        state.running.contains(&group) || state.background.contains(&group)
    }

    /// Starts commands again after [`close`](Self::close).
    pub(crate) fn reopen(&self) {
        self.lock().closed = false;
    }

    /// Kills every group and starts no more commands.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for group in &state.running {
            let _ = kill_process_group(*group, rustix::process::Signal::KILL);
        }
        for group in state.background.drain(..) {
            if !is_reused(group) {
                let _ = kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Whether a background group has ended and another process uses its number.
fn is_reused(group: Pid) -> bool {
    test_kill_process(group).is_ok()
}

pub(super) fn number(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as Number;
    match signal {
        Signal::Hangup => Number::HUP,
        Signal::Interrupt => Number::INT,
        Signal::Quit => Number::QUIT,
        Signal::Terminate => Number::TERM,
        Signal::Kill => Number::KILL,
        Signal::User1 => Number::USR1,
        Signal::User2 => Number::USR2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_environment_starts_nothing() {
        let groups = ProcessGroups::default();
        groups.close();
        let started = groups.spawn(|| panic!("nothing is started"));
        assert!(started.is_none());
    }

    #[tokio::test]
    async fn process_that_was_waited_for_has_no_group() {
        let groups = ProcessGroups::default();
        let started = groups.spawn(|| {
            let mut child = tokio::process::Command::new("true").spawn()?;
            while child.try_wait()?.is_none() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok(child)
        });
        let error = started.unwrap().map(|(_, pid)| pid).unwrap_err();
        assert_eq!(error.to_string(), "the new process has no PID");
        assert!(groups.lock().running.is_empty());
    }
}
