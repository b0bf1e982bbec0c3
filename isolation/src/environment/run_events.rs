//! The events of the start and the exit of a run of the main process.

use super::shared::Shared;
use crate::command::exit_status::ExitStatus;
use crate::engine::watch::Health;
use crate::events::EventKind;

impl Shared {
    pub(super) fn has_started(&self) {
        self.runs.begins();
        self.pauses.reset();
        self.emit(EventKind::Started);
    }

    /// Stores the result of a health check that the engine runs; returns whether it has changed.
    pub(crate) fn has_health(&self, health: Health) -> bool {
        self.supervision.has_health(health)
    }

    /// Sends the event [`EventKind::Exited`] of the current run, unless it was sent.
    pub(super) fn has_exited(&self, exit: ExitStatus) {
        if self.instance.main().is_some() && self.runs.exits() {
            self.emit(EventKind::Exited { exit });
        }
    }

    /// Sends the event [`EventKind::Exited`] of the run that the reports of the engine are about,
    /// unless it was sent.
    pub(crate) fn exit_reported(&self, exit: ExitStatus) {
        if self.instance.main().is_some() && self.runs.exit_reported() {
            self.emit(EventKind::Exited { exit });
        }
    }

    /// From now on, reports of the engine are about later changes than the known ones.
    pub(crate) fn follow_reports(&self) {
        self.runs.follow_reports();
        self.name.follow_reports();
    }
}

/// The event of the exit of a command.
pub(super) fn ended(argv: Vec<String>, exit: Option<ExitStatus>) -> EventKind {
    match exit {
        Some(exit) => EventKind::CommandEnded { argv, exit },
        None => EventKind::CommandAbandoned { argv },
    }
}
