//! For authors of engines: the receiver of an engine's events, and its journal entry.

use crate::events::{EventKind, EventSink, Subject};
use crate::journal::Journal;

/// The context of an environment: its engine sends events to it, and notes in its journal entry the
/// resources that it is about to create.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context {
    events: EventSink,
    journal: Journal,
}

impl Context {
    pub(crate) fn new(events: EventSink, journal: Journal) -> Self {
        Self { events, journal }
    }

    /// Sends an event to every subscriber of the manager. It never waits for a subscriber.
    pub fn emit(&self, subject: Subject, kind: EventKind) {
        self.events.emit(subject, kind);
    }

    /// The journal entry of the environment.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}
