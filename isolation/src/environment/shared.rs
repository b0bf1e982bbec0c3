//! The environment behind its handles: the code that is the same for every engine. Input, status
//! and features are checked before a call of the engine; operation and subject are added to errors;
//! events are sent.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::checks;
use super::end_timeout::{ANSWER_TIMEOUT, EndTimeout, answered};
use super::id::EnvironmentId;
use super::name::Name;
use super::pauses::Pauses;
use super::relays::Relays;
use super::runs::Runs;
use super::sharing::Sharing;
use super::status::{Stale, Status, StatusCell};
use super::summary::EnvironmentSummary;
use super::supervision::Supervision;
use super::tasks::Tasks;
use super::usage::Usage;
use crate::BoxFuture;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::counted::counted;
use crate::creator::Creator;
use crate::engine::capabilities::{Capabilities, Feature};
use crate::engine::instance::{Instance, InstanceState};
use crate::error::Result;
use crate::events::{EventKind, EventSink, Subject};
use crate::history::History;
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::spec::EnvironmentSpec;

/// How often the engine is asked for the state if the status changes meanwhile.
const QUESTIONS: u32 = 5;

/// The interface of the manager for an environment.
pub(crate) trait Owner: Send + Sync {
    /// Stops tracking the environment.
    fn forget(&self, id: &EnvironmentId);

    /// The address of an engine for other processes.
    fn address_of(&self, engine: &str) -> Option<String>;

    /// Starts the process that undoes what this one leaves if it is killed.
    fn start_reaper(&self, directory: &StateDirectory);

    /// The engines that support these features.
    fn engines_supporting<'a>(&'a self, features: &'a BTreeSet<Feature>) -> BoxFuture<'a, Vec<String>>;
}

/// The environment behind its handles. The manager can destroy it, too.
pub(crate) struct Shared {
    pub(crate) id: EnvironmentId,
    pub(crate) name: Name,
    pub(crate) engine: String,
    pub(crate) spec: EnvironmentSpec,
    pub(crate) capabilities: Capabilities,
    pub(crate) instance: Box<dyn Instance>,
    pub(crate) cell: StatusCell,
    pub(crate) events: EventSink,
    pub(crate) owner: Weak<dyn Owner>,
    pub(crate) journal: Journal,
    /// The use of a shared environment.
    pub(crate) usage: Option<Usage>,
    pub(crate) kept: AtomicBool,
    pub(crate) destroyed_reported: AtomicBool,
    pub(crate) runs: Runs,
    pub(crate) supervision: Supervision,
    pub(crate) history: History,
    /// The directory for bundles of failures.
    pub(crate) bundles: Option<PathBuf>,
    pub(crate) relays: Relays,
    pub(crate) pauses: Pauses,
    pub(crate) sharing: Sharing<Self>,
    pub(crate) tasks: Tasks,
    pub(crate) creator: Creator,
    /// The timeout for the end of environments, which all environments of a manager share.
    pub(crate) end_timeout: Arc<EndTimeout>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("status", &self.status())
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// The current name.
    pub(crate) fn name(&self) -> &str {
        self.name.current()
    }

    pub(crate) fn status(&self) -> Status {
        self.cell.get()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    pub(crate) fn summary(&self) -> EnvironmentSummary {
        EnvironmentSummary {
            id: self.id.clone(),
            name: self.name().to_owned(),
            engine: self.engine.clone(),
            status: self.status(),
            image: self.spec.image.clone(),
            owner: self.spec.owner.clone(),
            session: self.spec.session.clone(),
            created: None,
            exit_code: None,
            ports: Vec::new(),
            network_of: self.spec.network.shares_with().and_then(|id| id.parse().ok()),
        }
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        self.events.emit(self.subject(), kind);
    }

    /// Awaits a call for as long as the engine answers.
    pub(super) async fn answered<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        answered(ANSWER_TIMEOUT, work, self.asking()).await
    }

    /// Awaits a step of the end; the engine must answer after `grace`.
    pub(super) async fn ended<T>(&self, grace: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.end_timeout.step(grace, work, self.asking()).await
    }

    /// Asks the engine for the state, and returns whether it answers.
    fn asking<'a>(&'a self) -> impl Fn() -> BoxFuture<'a, bool> {
        || Box::pin(async { self.instance.inspect().await.is_ok() })
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::Environment {
            id: self.id.clone(),
            name: self.name().to_owned(),
            engine: self.engine.clone(),
        }
    }

    /// Whether a status that the engine has reported counts: a failed environment stays failed, and
    /// one that is being recreated is not lost.
    fn counts(&self, seen: Status) -> bool {
        match seen {
            Status::Lost => !self.supervision.is_restarting(),
            _ => !self.supervision.has_failed(),
        }
    }

    /// Stores a status that the engine has reported.
    pub(crate) fn observe(&self, seen: Status) {
        if self.counts(seen) {
            self.has_become(self.cell.observe(seen), seen);
        }
    }

    /// Sends the event of a change of the status.
    fn has_become(&self, from: Option<Status>, seen: Status) {
        if let Some(from) = from {
            if !matches!(seen, Status::Running | Status::Paused) {
                self.relays.end();
            }
            self.pauses.has_become(seen);
            match (from, seen) {
                (Status::Paused, Status::Running) => self.emit(EventKind::Unpaused),
                (_, Status::Running) => {
                    self.has_started();
                    if self.runs.is_started_by_others() {
                        self.restart_sharing_later();
                    }
                }
                (_, Status::Paused) => self.emit(EventKind::Paused),
                (_, Status::Stopped) => self.emit(EventKind::Stopped),
                (_, Status::Lost) => self.emit(EventKind::Lost),
                _ => {}
            }
        }
    }

    /// Handles the error of an operation: adds the operation and its subject, stores the status
    /// that it shows, sends an event, and adds the engines that support missing features.
    pub(crate) async fn report<T>(
        &self,
        operation: &'static str,
        subject: &str,
        result: Result<T>,
    ) -> Result<T> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => {
                let error = self.ended_by_supervision(error).in_environment(self.name());
                error.during(operation, subject)
            }
        };
        if let Some(seen) = error.observed_status() {
            self.observe(seen);
        }
        self.emit(EventKind::Failed {
            operation: error.operation().unwrap_or_default().to_owned(),
            kind: error.kind(),
            message: error.to_string(),
        });
        match self.owner.upgrade() {
            Some(owner) if !error.missing().is_empty() => {
                let features = error.missing().iter().map(|missing| missing.feature).collect();
                Err(error.with_alternatives(owner.engines_supporting(&features).await))
            }
            _ => Err(error),
        }
    }
}

/// The life.
impl Shared {
    pub(crate) async fn inspect(&self) -> Result<InstanceState> {
        if self.status() == Status::Destroyed {
            return Ok(InstanceState::new(Status::Destroyed));
        }
        let mut state = self.inspect_now().await?;
        if self.supervision.has_failed() {
            state.status = self.status();
        }
        self.compare_health(&mut state);
        if let Some(disk) = self.instance.disk_usage() {
            let limit = disk.limit();
            let text = format!(
                "{}, supervised: processes that use the environment measure it",
                counted(limit, "byte", "bytes")
            );
            state = state.with_detail("disk_limit", text);
        }
        Ok(state)
    }

    /// Asks the engine for the state, and stores the status. If the status changes meanwhile, the
    /// answer may be older than the change, and the engine is asked again.
    async fn inspect_now(&self) -> Result<InstanceState> {
        let mut questions = QUESTIONS;
        loop {
            questions -= 1;
            let version = self.cell.version();
            let state = self.answered(self.instance.inspect()).await;
            let state = self.report("inspect the environment", self.name(), state).await?;
            if !self.counts(state.status) {
                return Ok(state);
            }
            match self.cell.observe_since(version, state.status) {
                Ok(from) => {
                    self.has_become(from, state.status);
                    return Ok(state);
                }
                Err(Stale) if questions > 0 => {}
                // It goes on to change, and the changes are observed where they are made.
                Err(Stale) => return Ok(state),
            }
        }
    }

    pub(crate) async fn start(&self) -> Result<()> {
        if self.status().is_running() {
            return Ok(());
        }
        self.start_only().await?;
        self.wait_ready().await
    }

    pub(super) async fn start_only(&self) -> Result<()> {
        let started = self.begin().await;
        self.report("start the environment", self.name(), started).await
    }

    async fn begin(&self) -> Result<()> {
        let status = self.status();
        if status.is_running() {
            return Ok(());
        }
        checks::can_start(status)?;
        let _starting = self.runs.starting();
        self.answered(self.instance.start()).await?;
        self.supervision.is_started();
        match self.cell.advance(Status::Running) {
            Ok(_) => self.has_started(),
            // Another task may have started it at the same time, or a report of this start was
            // handled first.
            Err(step) if step.from == Status::Running => {}
            Err(step) => return Err(step.into()),
        }
        self.begin_relays().await?;
        self.restart_sharing().await;
        Ok(())
    }

    pub(super) async fn stop(&self, grace: Duration) -> Result<()> {
        let stopped = match checks::exists(self.status()) {
            // This also runs if the environment seems to be stopped: another process may have
            // started it.
            Ok(()) => self.ended(grace, self.instance.stop(grace)).await,
            Err(error) => Err(error),
        };
        self.report("stop the environment", self.name(), stopped).await?;
        if self.status() != Status::Created {
            self.observe(Status::Stopped);
        }
        Ok(())
    }

    pub(super) async fn kill(&self, signal: Signal) -> Result<()> {
        let killed = match checks::runs(self.status()) {
            // Without a main process, no process could handle a signal. Only killing all processes
            // is possible.
            Ok(()) if signal != Signal::Kill && self.instance.main().is_none() => {
                Err(self.no_facet(Feature::MainProcess))
            }
            Ok(()) => self.ended(Duration::ZERO, self.instance.kill(signal)).await,
            Err(error) => Err(error),
        };
        self.report("kill the environment", self.name(), killed).await?;
        self.inspect().await.map(drop)
    }

    pub(super) async fn wait(&self) -> Result<ExitStatus> {
        let ended = match (checks::exists(self.status()), self.instance.main()) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(self.no_facet(Feature::MainProcess)),
            (Ok(()), Some(main)) => main.wait().await,
        };
        let exit = self
            .report("wait for the environment", self.name(), ended)
            .await?;
        if checks::runs(self.status()).is_ok() {
            self.has_exited(exit);
            self.observe(Status::Stopped);
        }
        Ok(exit)
    }
}
