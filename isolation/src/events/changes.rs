//! The changes of environments that were sent as events, so that each is sent once: the call that
//! makes a change, the report of the engine and the other handles of the environment all notice it.

use std::collections::{HashMap, VecDeque};

use super::EventKind;
use crate::environment::id::EnvironmentId;

/// The number of environments that are kept in memory. The reports of an engine are not later than
/// the ends of so many environments.
const REMEMBERED: usize = 1024;

/// The last changes of environments.
#[derive(Debug, Default)]
pub(super) struct Changes {
    last: HashMap<EnvironmentId, Change>,
    /// Those in the map, oldest first.
    order: VecDeque<EnvironmentId>,
}

/// The last change of an environment that cannot happen twice in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Started,
    Stopped,
    Paused,
    Unpaused,
    /// Another change, after which each of the others can happen.
    Other,
    Lost,
    Destroyed,
}

impl Change {
    fn of(kind: &EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::Started => Self::Started,
            EventKind::Stopped => Self::Stopped,
            EventKind::Paused => Self::Paused,
            EventKind::Unpaused => Self::Unpaused,
            EventKind::Exited { .. } | EventKind::Restarted => Self::Other,
            EventKind::Lost => Self::Lost,
            EventKind::Destroyed => Self::Destroyed,
            _ => return None,
        })
    }

    fn is_end(self) -> bool {
        matches!(self, Self::Lost | Self::Destroyed)
    }

    /// Whether this follows on the change before.
    fn follows(self, before: Self) -> bool {
        match before {
            Self::Destroyed => false,
            // This process destroys what is left of a lost environment.
            Self::Lost => self == Self::Destroyed,
            Self::Other => true,
            _ => self != before,
        }
    }
}

impl Changes {
    /// Whether the end of an environment was sent.
    pub(super) fn has_ended(&self, id: &EnvironmentId) -> bool {
        self.last.get(id).is_some_and(|change| change.is_end())
    }

    /// Whether this event of an environment is sent: its change was not sent before.
    pub(super) fn admit(&mut self, id: &EnvironmentId, kind: &EventKind) -> bool {
        let Some(change) = Change::of(kind) else {
            return true;
        };
        if let Some(before) = self.last.get_mut(id) {
            let follows = change.follows(*before);
            if follows {
                *before = change;
            }
            if follows && change.is_end() {
                self.order.retain(|other| other != id);
                self.order.push_back(id.clone());
            }
            return follows;
        }
        if self.order.len() == REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.last.remove(&oldest));
        }
        self.order.push_back(id.clone());
        self.last.insert(id.clone(), change);
        true
    }

    /// The environment exists, though one with this ID may have ended: those that processes share
    /// keep their ID.
    pub(super) fn exists(&mut self, id: &EnvironmentId) {
        if let Some(change) = self.last.get_mut(id).filter(|change| change.is_end()) {
            *change = Change::Other;
        }
    }

    /// Changes may have been missed.
    pub(super) fn missed(&mut self) {
        for change in self.last.values_mut().filter(|change| !change.is_end()) {
            *change = Change::Other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::exit_status::ExitStatus;

    #[test]
    fn oldest_changes_are_forgotten() {
        let mut changes = Changes::default();
        let ids: Vec<EnvironmentId> = (0..=REMEMBERED).map(|_| EnvironmentId::random()).collect();
        assert!(ids.iter().all(|id| changes.admit(id, &EventKind::Destroyed)));
        assert!(!changes.has_ended(&ids[0]) && changes.has_ended(&ids[1]));
        assert_eq!(
            (changes.last.len(), changes.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }

    #[test]
    fn change_is_sent_once_until_another_one() {
        use EventKind::{Paused, Started, Stopped, Unpaused};
        let mut changes = Changes::default();
        let id = EnvironmentId::random();
        for kind in [Started, Paused, Unpaused, Stopped, Started] {
            assert!(
                changes.admit(&id, &kind) && !changes.admit(&id, &kind),
                "{kind:?}"
            );
        }
        let exit = ExitStatus::from_code(0);
        for kind in [EventKind::Exited { exit }, EventKind::Restarted] {
            assert!(
                changes.admit(&id, &kind) && changes.admit(&id, &Started),
                "{kind:?}"
            );
        }
        changes.missed();
        assert!(changes.admit(&id, &Started) && !changes.admit(&id, &Started));
    }
}
