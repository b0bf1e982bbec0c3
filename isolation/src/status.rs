//! Where an environment stands in its life, and which step may follow which.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Where an environment stands in its life.
///
/// ```text
/// Created ──► Running ◄──► Stopped
///    │           │            │
///    └───────────┼────────────┴──► Failed
///                ▼                   │
///  (from each) Destroying ◄──────────┘
///                ▼
///            Destroyed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Everything it needs is there; nothing can run in it yet.
    Created,
    /// Commands can run in it.
    Running,
    /// It was running, keeps its files, and may run again.
    Stopped,
    /// It broke; all that is left is to destroy it.
    Failed,
    /// It is being removed: nothing new may start in it.
    Destroying,
    /// Nothing of it is left.
    Destroyed,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Running,
        Self::Stopped,
        Self::Failed,
        Self::Destroying,
        Self::Destroyed,
    ];

    /// Whether an environment may go from this status to `next` in one step.
    pub fn can_become(self, next: Self) -> bool {
        match next {
            Self::Created => false,
            Self::Running => matches!(self, Self::Created | Self::Stopped),
            Self::Stopped => self == Self::Running,
            Self::Failed => !matches!(self, Self::Failed | Self::Destroyed),
            Self::Destroying => !matches!(self, Self::Destroying | Self::Destroyed),
            Self::Destroyed => self == Self::Destroying,
        }
    }

    /// Whether commands can run and files can be copied.
    pub fn is_running(self) -> bool {
        self == Self::Running
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
        })
    }
}

/// A step that no environment can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an environment that is {from} cannot become {to}")]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The status it had.
    pub from: Status,
    /// The status it was to get.
    pub to: Status,
}

/// For authors of engines: an environment's status, which only takes legal steps.
#[derive(Debug)]
pub struct StatusCell(Mutex<Status>);

impl Default for StatusCell {
    fn default() -> Self {
        Self(Mutex::new(Status::Created))
    }
}

impl StatusCell {
    /// The status now.
    pub fn get(&self) -> Status {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the step to `next`, or says why it cannot be taken; returns the status it left.
    pub fn advance(&self, next: Status) -> Result<Status, IllegalTransition> {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = *status;
        if !from.can_become(next) {
            return Err(IllegalTransition { from, to: next });
        }
        *status = next;
        Ok(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Created, Destroyed, Destroying, Failed, Running, Stopped};

    #[test]
    fn exactly_these_steps_are_legal() {
        let legal = [
            (Created, Running),
            (Created, Failed),
            (Created, Destroying),
            (Running, Stopped),
            (Running, Failed),
            (Running, Destroying),
            (Stopped, Running),
            (Stopped, Failed),
            (Stopped, Destroying),
            (Failed, Destroying),
            (Destroying, Failed), // what could not be removed can be tried again
            (Destroying, Destroyed),
        ];
        for from in Status::ALL {
            for to in Status::ALL {
                assert_eq!(from.can_become(to), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn an_illegal_step_changes_nothing_and_names_both_ends() {
        let cell = StatusCell::default();
        let step = cell.advance(Destroyed).unwrap_err();
        assert_eq!((step.from, step.to), (Created, Destroyed));
        assert_eq!(cell.get(), Created);
        assert_eq!(cell.advance(Running).unwrap(), Created);
    }
}
