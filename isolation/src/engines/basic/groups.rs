//! The process groups of one environment, so that every one of them can be killed.
//!
//! A group is named after its first process, the leader. As long as the leader was not waited for, or
//! another process of the group lives, the system gives that number to nobody else; after that it may.
//! So each group is in one of two lists: `running`, its leader not waited for, safe to signal; and
//! `background`, its leader gone but others left. When a process has the number of a background group,
//! the group has died out and the number was given away: it is left alone.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, kill_process_group, test_kill_process, test_kill_process_group};
use tokio::process::{Child, Command};

use crate::command::Signal;

#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    running: Vec<Pid>,
    background: Vec<Pid>,
}

impl Groups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command in a group of its own; `None` when the environment is closed. Under the lock, so
    /// that no process starts between the end of an environment and the removal of its directory.
    pub(super) fn spawn(&self, command: &mut Command) -> Option<io::Result<(Child, Pid)>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let child = match command.process_group(0).spawn() {
            Ok(child) => child,
            Err(error) => return Some(Err(error)),
        };
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else {
            return Some(Err(io::Error::other("the new process has no number")));
        };
        state.running.push(pid);
        Some(Ok((child, pid)))
    }

    /// Signals a group whose leader was not waited for yet; does nothing otherwise.
    pub(super) fn signal(&self, group: Pid, signal: Signal) -> io::Result<()> {
        let state = self.lock();
        if !state.running.contains(&group) {
            return Ok(());
        }
        match kill_process_group(group, number(signal)) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The leader was waited for: what it left behind runs in the background.
    pub(super) fn leader_ended(&self, group: Pid) {
        let mut state = self.lock();
        state.running.retain(|other| *other != group);
        if test_kill_process_group(group).is_ok() {
            state.background.push(group);
        }
    }

    /// Nobody waits for the leader any more: kills the group.
    pub(super) fn abandon(&self, group: Pid) {
        let mut state = self.lock();
        if state.running.contains(&group) {
            let _ = kill_process_group(group, rustix::process::Signal::KILL);
            state.running.retain(|other| *other != group);
        }
    }

    /// Kills every group, and lets no command start any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for group in &state.running {
            let _ = kill_process_group(*group, rustix::process::Signal::KILL);
        }
        for group in state.background.drain(..) {
            let given_away = test_kill_process(group).is_ok();
            if !given_away {
                let _ = kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
    }
}

fn number(signal: Signal) -> rustix::process::Signal {
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
