//! Sends events about everything that an engine reports about its environments.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use super::Manager;
use super::tracked::Tracked;
use crate::engine::watch::{self, Item, Observed, Received, Report, Watching, WeakWatching};
use crate::environment::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, EventSink, PastEvents, Subject};

impl Manager {
    /// Sends events about everything that the engine reports about its environments, also
    /// environments of other processes and events with other causes than this manager: OOM kills,
    /// health, signals, starts, exits, removals. It also keeps
    /// [`Environment::status`](crate::Environment::status) of the environments up to date that this
    /// manager has created or opened. If another process starts an environment again whose
    /// [network](crate::NetworkMode::Environment) others of this manager have, those are started
    /// again, too. It ends when the returned value is dropped.
    ///
    /// Each change is sent once: a second watch of an engine shares the first one, and a report
    /// about a call of this manager is not sent again.
    ///
    /// After a lost connection to the engine, [`EventKind::Gap`] is sent, and the state of these
    /// environments is inspected again.
    ///
    /// # Errors
    ///
    /// An error of the kind [`Unsupported`](crate::ErrorKind::Unsupported) if the engine has no
    /// reports.
    pub async fn watch(&self, engine: &str) -> Result<Watching> {
        let watching = self.begin_watch(engine).await;
        watching.map_err(|error| error.during("watch the engine", engine))
    }

    /// The events of the environments of an engine since a time, also those of other processes, and
    /// those that follow. Without `until` they do not end. The events that the engine has forgotten
    /// are missing: Docker stores the last 256 ones of all kinds since its start.
    ///
    /// Nothing is sent to subscribers.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](crate::ErrorKind::Unsupported) if the engine stores no events,
    /// and [`InvalidInput`](crate::ErrorKind::InvalidInput) if `until` is before `since`.
    pub async fn past_events(
        &self,
        engine: &str,
        since: SystemTime,
        until: Option<SystemTime>,
    ) -> Result<PastEvents> {
        let read = async {
            if until.is_some_and(|until| until < since) {
                return Err(Error::invalid(
                    "the end of the events is before their start; exchange them",
                ));
            }
            let (reports, received) = watch::reports();
            let found = self.registry().get(engine)?;
            let watching = found.past_events(since, until, reports).await?;
            Ok(PastEvents::new(engine, received, watching))
        };
        let read: Result<PastEvents> = read.await;
        read.map_err(|error| error.during("read the events of the engine", engine))
    }

    async fn begin_watch(&self, engine: &str) -> Result<Watching> {
        let mut watches = self.tracked.watches.lock().await;
        if let Some(watching) = watches.get(engine).and_then(WeakWatching::upgrade) {
            return Ok(watching);
        }
        let (reports, received) = watch::reports();
        let watching = self.registry().get(engine)?.watch(reports).await?;
        let handler = Handler {
            engine: engine.to_owned(),
            tracked: Arc::downgrade(&self.tracked),
            events: self.events.clone(),
        };
        handler.ours().iter().for_each(|shared| shared.follow_reports());
        let watching = watching.handled_by(tokio::spawn(handler.run(received)));
        watches.insert(engine.to_owned(), watching.downgrade());
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
                Item::Report(report, _) => self.handle(report).await,
                Item::Gap => {
                    self.emit_for_engine(EventKind::Gap);
                    for shared in self.ours() {
                        // A failed inspection has sent an event.
                        let _ = shared.inspect().await;
                        shared.follow_reports();
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
        let known = self.tracked.upgrade().and_then(|tracked| tracked.find(&id));
        let kind = match known.filter(|shared| shared.engine == self.engine) {
            Some(shared) => changed(&shared, observed).await,
            None => {
                if observed == Observed::Started {
                    let has_its_network =
                        |one: &&Arc<Shared>| one.spec.network.shares_with() == Some(id.as_str());
                    self.ours()
                        .iter()
                        .filter(has_its_network)
                        .for_each(Shared::follow_network);
                }
                Some(EventKind::from(observed))
            }
        };
        let engine = self.engine.clone();
        if let Some(kind) = kind {
            // The environment may have ended since the check above.
            self.events
                .emit_report(Subject::Environment { id, name, engine }, kind);
        }
    }
}

/// Handles a report about an environment with a handle; returns the event that is still to be sent.
///
/// The report may be older than the last call, so the engine is asked for the status.
async fn changed(shared: &Shared, observed: Observed) -> Option<EventKind> {
    match observed {
        Observed::Started => {
            let _ = shared.inspect().await;
            if shared.runs.begin_reported() {
                shared.restart_sharing_later();
            }
            None
        }
        Observed::Exited(exit) => {
            shared.exit_reported(exit);
            let _ = shared.inspect().await;
            None
        }
        Observed::Stopped | Observed::Paused | Observed::Unpaused | Observed::Removed => {
            let _ = shared.inspect().await;
            None
        }
        Observed::Renamed(name) if !shared.name.reported(&name) => None,
        Observed::Health(health) if !shared.has_health(health) => None,
        observed => Some(EventKind::from(observed)),
    }
}
