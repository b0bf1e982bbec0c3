//! Sends events about everything that an engine reports about its environments.

use std::sync::{Arc, Weak};

use super::Manager;
use super::tracked::Tracked;
use crate::engine::watch::{self, Item, Observed, Received, Report, Watching};
use crate::environment::shared::Shared;
use crate::error::{ErrorKind, Result};
use crate::events::{EventKind, EventSink, Subject};

impl Manager {
    /// Sends events about everything that the engine reports about its environments, also
    /// environments of other processes and events with other causes than this manager: OOM kills,
    /// health, signals, starts, exits, removals. It also keeps
    /// [`Environment::status`](crate::Environment::status) of the environments up to date that this
    /// manager has created or opened. It ends when the returned value is dropped.
    ///
    /// After a lost connection to the engine, [`EventKind::Gap`] is sent, and the state of these
    /// environments is inspected again.
    ///
    /// # Errors
    ///
    /// An error of the kind [`Unsupported`](crate::ErrorKind::Unsupported) if the engine has no
    /// reports.
    pub async fn watch(&self, engine: &str) -> Result<Watching> {
        let (reports, received) = watch::reports();
        let watched = match self.registry().get(engine) {
            Ok(engine) => engine.watch(reports).await,
            Err(error) => Err(error),
        };
        let mut watching = watched.map_err(|error| error.during("watch the engine", engine))?;
        let handler = Handler {
            engine: engine.to_owned(),
            tracked: Arc::downgrade(&self.tracked),
            events: self.events.clone(),
        };
        watching.add(tokio::spawn(handler.run(received)));
        Ok(watching)
    }
}

/// Handles the reports of one engine.
struct Handler {
    engine: String,
    /// The manager may have been dropped.
    tracked: Weak<Tracked>,
    events: EventSink,
}

impl Handler {
    async fn run(self, mut received: Received) {
        while let Some(item) = received.next().await {
            match item {
                Item::Report(report) => self.handle(report).await,
                Item::Gap => {
                    self.emit_for_engine(EventKind::Gap);
                    for shared in self.ours() {
                        // A failed inspection has sent an event.
                        let _ = shared.inspect().await;
                    }
                }
                Item::Ended(message) => self.emit_for_engine(EventKind::Failed {
                    operation: "watch the engine".to_owned(),
                    kind: ErrorKind::Engine,
                    message,
                }),
            }
        }
    }

    fn emit_for_engine(&self, kind: EventKind) {
        let engine = self.engine.clone();
        self.events.emit(Subject::Engine { engine }, kind);
    }

    /// The environments of this engine that the manager has created or opened.
    fn ours(&self) -> Vec<Arc<Shared>> {
        let Some(tracked) = self.tracked.upgrade() else {
            return Vec::new();
        };
        let mut all = tracked.known();
        all.retain(|shared| shared.engine == self.engine && !self.events.has_ended(&shared.id));
        all
    }

    async fn handle(&self, report: Report) {
        let Report { id, name, observed } = report;
        if self.events.has_ended(&id) {
            return;
        }
        let ours = self.ours().into_iter().find(|shared| shared.id == id);
        let kind = match (observed, ours) {
            // The event may be older than the last call, so the engine is asked.
            (
                Observed::Started
                | Observed::Stopped
                | Observed::Paused
                | Observed::Unpaused
                | Observed::Removed,
                Some(shared),
            ) => {
                let _ = shared.inspect().await;
                return;
            }
            (Observed::Exited(exit), Some(shared)) => {
                shared.has_exited(exit);
                let _ = shared.inspect().await;
                return;
            }
            (Observed::Started, None) => EventKind::Started,
            (Observed::Stopped, None) => EventKind::Stopped,
            (Observed::Exited(exit), None) => EventKind::Exited { exit },
            (Observed::Removed, None) => EventKind::Destroyed,
            (Observed::Paused, None) => EventKind::Paused,
            (Observed::Unpaused, None) => EventKind::Unpaused,
            (Observed::Renamed(name), ours) => match ours.is_none_or(|shared| shared.has_name(&name)) {
                true => EventKind::Renamed { name },
                false => return,
            },
            (Observed::OutOfMemory, _) => EventKind::OutOfMemory,
            (Observed::Health(health), ours) => match ours.is_none_or(|shared| shared.has_health(health)) {
                true => EventKind::Health { health },
                false => return,
            },
            (Observed::Killed(signal), _) => EventKind::Killed { signal },
            (Observed::Restarted, _) => EventKind::Restarted,
        };
        let engine = self.engine.clone();
        self.events.emit(Subject::Environment { id, name, engine }, kind);
    }
}
