//! For authors of engines: reports of events in environments, also those that other processes
//! cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::command::exit_status::ExitStatus;
use crate::environment::id::EnvironmentId;

/// The maximum number of unhandled reports.
const BACKLOG: usize = 4096;

/// An observation of an engine about an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The ID of the environment.
    pub id: EnvironmentId,
    /// Its name.
    pub name: String,
    /// The event.
    pub observed: Observed,
}

/// An event in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Observed {
    /// It was started.
    Started,
    /// Its main process ended, or it was stopped.
    Exited(ExitStatus),
    /// It was stopped, and has no main process that would have an exit code.
    Stopped,
    /// All its processes were paused.
    Paused,
    /// All its processes were resumed.
    Unpaused,
    /// It has another name.
    Renamed(String),
    /// A process was killed at the memory limit.
    OutOfMemory,
    /// The health check has another result.
    Health(Health),
    /// A signal was sent to the main process: its name or number, if the engine reports it.
    Killed(Option<String>),
    /// It was restarted in one step.
    Restarted,
    /// It was removed.
    Removed,
}

/// The result of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// No result yet: it has not succeeded, and has not failed often enough.
    Starting,
    /// It succeeds.
    Healthy,
    /// It failed several times in a row.
    Unhealthy,
}

/// An item of the reports.
#[derive(Debug)]
pub(crate) enum Item {
    /// A report, and the time at which it happened, if that is not now.
    Report(Report, Option<SystemTime>),
    /// Reports may be missing.
    Gap,
    /// The reports have ended.
    Ended(String),
}

/// Receives the reports of an engine. It never waits: if there are too many unhandled reports, some
/// are dropped, and the loss is reported.
#[derive(Debug, Clone)]
pub struct Reports {
    sender: mpsc::Sender<Item>,
    missed: Arc<AtomicBool>,
}

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Received {
    receiver: mpsc::Receiver<Item>,
    missed: Arc<AtomicBool>,
}

/// A new channel for reports.
pub(crate) fn reports() -> (Reports, Received) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    let missed = Arc::new(AtomicBool::new(false));
    let received = Received {
        receiver,
        missed: Arc::clone(&missed),
    };
    (Reports { sender, missed }, received)
}

impl Reports {
    /// Reports what happened.
    pub fn send(&self, report: Report) {
        self.put(Item::Report(report, None));
    }

    /// Reports what happened at a time of the past, for
    /// [`Engine::past_events`](crate::Engine::past_events). It waits while there are too many
    /// unhandled reports.
    pub async fn send_past(&self, report: Report, at: SystemTime) {
        // A reader that is gone drops the watch, too.
        let _ = self.sender.send(Item::Report(report, Some(at))).await;
    }

    /// Reports what has just happened, with its time.
    pub(crate) fn send_at(&self, report: Report, at: SystemTime) {
        self.put(Item::Report(report, Some(at)));
    }

    /// Reports that events may have been missed: the state of all environments is inspected again.
    pub fn gap(&self) {
        self.put(Item::Gap);
    }

    /// Reports why the engine can report no more events.
    pub fn ended(&self, why: impl Into<String>) {
        self.put(Item::Ended(why.into()));
    }

    fn put(&self, item: Item) {
        if self.sender.try_send(item).is_err() {
            self.missed.store(true, Ordering::Release);
        }
    }
}

impl Received {
    /// The next item; `None` after the engine has dropped its side.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        // This comes after the waiting items: the state that is inspected then includes all of
        // them.
        if self.receiver.is_empty() && self.missed.swap(false, Ordering::AcqRel) {
            return Some(Item::Gap);
        }
        self.receiver.recv().await
    }
}

/// A task that watches an engine. It ends when this and every other watch of the engine by the same
/// manager is dropped.
#[derive(Debug)]
#[must_use = "dropping this ends the watch"]
pub struct Watching(Arc<Watch>);

#[derive(Debug)]
struct Watch {
    task: JoinHandle<()>,
    /// The watch whose reports the task handles.
    _handled: Option<Watching>,
}

/// A watch that may have been dropped.
#[derive(Debug)]
pub(crate) struct WeakWatching(Weak<Watch>);

impl Watching {
    /// A task that reports until it is aborted.
    pub fn new(task: JoinHandle<()>) -> Self {
        let _handled = None;
        Self(Arc::new(Watch { task, _handled }))
    }

    /// This watch, with a task that handles its reports.
    pub(crate) fn handled_by(self, task: JoinHandle<()>) -> Self {
        let _handled = Some(self);
        Self(Arc::new(Watch { task, _handled }))
    }

    pub(crate) fn downgrade(&self) -> WeakWatching {
        WeakWatching(Arc::downgrade(&self.0))
    }
}

impl WeakWatching {
    /// The watch, if it has not ended.
    pub(crate) fn upgrade(&self) -> Option<Watching> {
        let watch = self.0.upgrade()?;
        (!watch.task.is_finished()).then_some(Watching(watch))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            id: EnvironmentId::random(),
            name: "web".into(),
            observed: Observed::OutOfMemory,
        }
    }

    #[tokio::test]
    async fn reports_that_nobody_reads_become_a_gap() {
        let (reports, mut received) = reports();
        for _ in 0..BACKLOG + 10 {
            reports.send(report());
        }
        for _ in 0..BACKLOG {
            assert!(matches!(received.next().await, Some(Item::Report(..))));
        }
        assert!(matches!(received.next().await, Some(Item::Gap)));
        reports.ended("gone");
        assert!(matches!(received.next().await, Some(Item::Ended(_))));
        drop(reports);
        assert!(received.next().await.is_none());
    }
}
