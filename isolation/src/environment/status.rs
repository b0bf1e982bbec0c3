//! The status of an environment, and its legal transitions.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// The status of an environment in its lifecycle.
///
/// ```text
///               Paused ─────┐
///                 ▲          ▼
/// Created ──► Running ◄──► Stopped
///    │            │           │
///    └────────────┼───────────┴──► Failed, Lost
///                 ▼                  │
///  (from each) Destroying ◄──────────┘
///                 ▼
///             Destroyed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// It was created; commands cannot run yet.
    Created,
    /// Commands can run.
    Running,
    /// Its processes are paused; commands cannot start.
    Paused,
    /// It ran before, keeps its files, and can run again.
    Stopped,
    /// It failed and can only be destroyed.
    Failed,
    /// Another process removed it; its files and processes no longer exist.
    Lost,
    /// It is being removed; no new command can start. If the engine refuses that because others
    /// have its network, it has the status before again.
    Destroying,
    /// It is removed completely.
    Destroyed,
}

impl Status {
    /// Every status, in the order of the lifecycle.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Failed,
        Self::Lost,
        Self::Destroying,
        Self::Destroyed,
    ];

    /// Whether a transition from this status to `next` is legal.
    pub fn can_become(self, next: Self) -> bool {
        match next {
            Self::Created => false,
            Self::Running => matches!(self, Self::Created | Self::Paused | Self::Stopped),
            Self::Paused => self == Self::Running,
            Self::Stopped => matches!(self, Self::Running | Self::Paused),
            Self::Failed => !matches!(self, Self::Failed | Self::Lost | Self::Destroyed),
            Self::Lost => matches!(
                self,
                Self::Created | Self::Running | Self::Paused | Self::Stopped | Self::Failed
            ),
            Self::Destroying => !matches!(self, Self::Destroying | Self::Destroyed),
            Self::Destroyed => self == Self::Destroying,
        }
    }

    /// Whether commands can run.
    pub fn is_running(self) -> bool {
        self == Self::Running
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
        })
    }
}

/// An illegal transition between two statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the status of the environment cannot change from {from} to {to}")]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The current status.
    pub from: Status,
    /// The requested status.
    pub to: Status,
}

/// The status of an environment, which allows only legal transitions.
#[derive(Debug)]
pub(crate) struct StatusCell(Mutex<Current>);

#[derive(Debug, Clone, Copy)]
struct Current {
    status: Status,
    version: Version,
}

/// The number of changes of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(u64);

/// The status has changed since the engine was asked, so its answer may be older than the change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stale;

impl Current {
    fn set(&mut self, status: Status) -> Status {
        self.version.0 += 1;
        std::mem::replace(&mut self.status, status)
    }

    fn observe(&mut self, seen: Status) -> Option<Status> {
        if self.status == seen || matches!(self.status, Status::Destroying | Status::Destroyed) {
            return None;
        }
        Some(self.set(seen))
    }
}

impl StatusCell {
    pub(crate) fn new(status: Status) -> Self {
        let version = Version(0);
        Self(Mutex::new(Current { status, version }))
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current status.
    pub(crate) fn get(&self) -> Status {
        self.lock().status
    }

    /// The version before a question to the engine.
    pub(crate) fn version(&self) -> Version {
        self.lock().version
    }

    /// Changes the status to `next` if that is legal; returns the previous status.
    pub(crate) fn advance(&self, next: Status) -> Result<Status, IllegalTransition> {
        let mut current = self.lock();
        let from = current.status;
        if !from.can_become(next) {
            return Err(IllegalTransition { from, to: next });
        }
        Ok(current.set(next))
    }

    /// Ends a destruction that the engine has refused; the environment has this status still.
    pub(crate) fn refused(&self, seen: Status) {
        let mut current = self.lock();
        if current.status == Status::Destroying {
            current.set(seen);
        }
    }

    /// Stores a status that the engine has reported; another process may have started or stopped
    /// the environment. A destruction by this process continues. Returns the previous status if the
    /// status has changed.
    pub(crate) fn observe(&self, seen: Status) -> Option<Status> {
        self.lock().observe(seen)
    }

    /// Stores the answer to a question that was asked at this version, like
    /// [`observe`](Self::observe), unless the status has changed since then.
    pub(crate) fn observe_since(&self, version: Version, seen: Status) -> Result<Option<Status>, Stale> {
        let mut current = self.lock();
        match current.version == version {
            true => Ok(current.observe(seen)),
            false => Err(Stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Created, Destroyed, Destroying, Failed, Lost, Paused, Running, Stopped};

    #[test]
    fn only_these_transitions_are_legal() {
        let legal = [
            (Created, Running),
            (Created, Failed),
            (Created, Lost),
            (Created, Destroying),
            (Running, Paused),
            (Running, Stopped),
            (Running, Failed),
            (Running, Lost),
            (Running, Destroying),
            (Paused, Running),
            (Paused, Stopped),
            (Paused, Failed),
            (Paused, Lost),
            (Paused, Destroying),
            (Stopped, Running),
            (Stopped, Failed),
            (Stopped, Lost),
            (Stopped, Destroying),
            (Failed, Lost),
            (Failed, Destroying),
            (Lost, Destroying),
            (Destroying, Failed), // a removal that failed can be tried again
            (Destroying, Destroyed),
        ];
        for from in Status::ALL {
            for to in Status::ALL {
                assert_eq!(from.can_become(to), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn illegal_transition_changes_nothing() {
        let cell = StatusCell::new(Created);
        let step = cell.advance(Destroyed).unwrap_err();
        assert_eq!((step.from, step.to), (Created, Destroyed));
        assert_eq!(cell.get(), Created);
        assert_eq!(cell.advance(Running).unwrap(), Created);
    }

    #[test]
    fn observed_status_does_not_undo_a_destruction() {
        let cell = StatusCell::new(Created);
        assert_eq!(
            cell.observe(Stopped),
            Some(Created),
            "started and stopped by others"
        );
        assert_eq!(cell.observe(Stopped), None);
        cell.advance(Destroying).unwrap();
        assert_eq!(cell.observe(Running), None);
        assert_eq!(cell.get(), Destroying);
    }

    #[test]
    fn refused_destruction_ends_with_the_status_before() {
        let cell = StatusCell::new(Running);
        cell.refused(Stopped);
        assert_eq!(cell.get(), Running, "it is not being destroyed");
        cell.advance(Destroying).unwrap();
        cell.refused(Running);
        assert_eq!(cell.get(), Running);
        cell.advance(Destroying).unwrap();
        cell.advance(Destroyed).unwrap();
        cell.refused(Running);
        assert_eq!(cell.get(), Destroyed);
    }

    #[test]
    fn answer_from_before_a_change_is_stale() {
        let cell = StatusCell::new(Running);
        let before = cell.version();
        assert_eq!(cell.observe(Stopped), Some(Running), "by this process, meanwhile");
        assert_eq!(cell.observe_since(before, Running), Err(Stale));
        assert_eq!(cell.get(), Stopped);
        assert_eq!(cell.observe_since(cell.version(), Lost), Ok(Some(Stopped)));
    }
}
