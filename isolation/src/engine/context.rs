//! For authors of engines: where an engine reports.

use crate::events::{EventKind, EventSink, Subject};

/// The surroundings of an environment: where its engine reports events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context {
    events: EventSink,
}

impl Context {
    pub(crate) fn new(events: EventSink) -> Self {
        Self { events }
    }

    /// Sends an event to every subscriber of the manager. It never waits for one.
    pub fn emit(&self, subject: Subject, kind: EventKind) {
        self.events.emit(subject, kind);
    }
}
