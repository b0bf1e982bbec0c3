//! For authors of engines: where an engine reports, and where it notes what it makes.

use crate::events::{EventKind, EventSink, Subject};
use crate::journal::Journal;

/// The surroundings of an environment: where its engine reports events, and the journal entry in
/// which it notes what it is about to make.
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

    /// Sends an event to every subscriber of the manager. It never waits for one.
    pub fn emit(&self, subject: Subject, kind: EventKind) {
        self.events.emit(subject, kind);
    }

    /// The journal entry of the environment.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}
