//! The events of the start and the exit of a run of the main process.

use std::sync::atomic::Ordering;

use super::shared::Shared;
use crate::command::exit_status::ExitStatus;
use crate::engine::watch::Health;
use crate::events::EventKind;

impl Shared {
    pub(super) fn has_started(&self) {
        self.exit_reported.store(false, Ordering::Release);
        self.pauses.reset();
        self.emit(EventKind::Started);
    }

    /// Stores the result of a health check that the engine runs; returns whether it has changed.
    pub(crate) fn has_health(&self, health: Health) -> bool {
        self.supervision.has_health(health)
    }

    /// Sends the event [`EventKind::Exited`] once for each run of a main process.
    pub(crate) fn has_exited(&self, exit: ExitStatus) {
        if self.instance.main().is_some() && !self.exit_reported.swap(true, Ordering::AcqRel) {
            self.emit(EventKind::Exited { exit });
        }
    }
}

/// The event of the exit of a command.
pub(super) fn ended(argv: Vec<String>, exit: Option<ExitStatus>) -> EventKind {
    match exit {
        Some(exit) => EventKind::CommandEnded { argv, exit },
        None => EventKind::CommandAbandoned { argv },
    }
}
