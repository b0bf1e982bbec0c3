//! An environment that a manager tracks, and the list of these environments.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::{CopySource, Environment};
use crate::error::{Cause, Result};
use crate::manager::events::{EventKind, Events};
use crate::manager::registry::Registry;
use crate::spec::EnvironmentSpec;

/// An environment that a [`Manager`](crate::Manager) tracks, and that sends events.
///
/// It is a guard: dropping it destroys the environment as far as possible without waiting, unless
/// [`keep`](Environment::keep) was called.
#[derive(Debug)]
pub struct Managed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tracked: Arc<Tracked>,
}

/// The environment behind a [`Managed`], which the manager can destroy too.
pub(crate) struct Shared {
    pub(crate) inner: Box<dyn Environment>,
    pub(crate) events: Events,
    pub(crate) registry: Arc<Registry>,
    kept: AtomicBool,
    destroyed_reported: AtomicBool,
}

impl Shared {
    pub(crate) fn new(inner: Box<dyn Environment>, events: Events, registry: Arc<Registry>) -> Self {
        Self {
            inner,
            events,
            registry,
            kept: AtomicBool::new(false),
            destroyed_reported: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    pub(crate) async fn destroy(&self) -> Result<()> {
        self.report(self.inner.destroy().await)?;
        self.report_destroyed();
        Ok(())
    }

    pub(crate) fn destroy_blocking(&self) {
        self.inner.destroy_blocking();
        self.report_destroyed();
    }

    /// Sends the event [`EventKind::Destroyed`] once, for each way to destroy it.
    fn report_destroyed(&self) {
        let gone = self.inner.status() == Status::Destroyed;
        if gone && !self.destroyed_reported.swap(true, Ordering::AcqRel) {
            self.events.emit(self.inner.as_ref(), EventKind::Destroyed);
        }
    }

    /// Sends an event for an error, and adds the engines that support the missing features.
    fn report<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let failed = EventKind::Failed {
                operation: error.operation().unwrap_or_default().to_owned(),
                message: error.to_string(),
            };
            self.events.emit(self.inner.as_ref(), failed);
            let needs = error.missing().iter().map(|lack| lack.feature).collect();
            match error.is_unsupported() {
                true => error.with_alternatives(self.registry.engines_supporting(&needs)),
                false => error,
            }
        })
    }

    async fn start(&self) -> Result<()> {
        let before = self.inner.status();
        self.report(self.inner.start().await)?;
        if !before.is_running() {
            self.events.emit(self.inner.as_ref(), EventKind::Activated);
        }
        Ok(())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// The environments that exist, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tracked(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    shut_down: bool,
    alive: Vec<Arc<Shared>>,
}

impl Tracked {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an environment, unless the manager is shut down.
    pub(crate) fn add(&self, shared: &Arc<Shared>) -> Result<()> {
        let mut state = self.lock();
        if state.shut_down {
            return Err(Cause::ShutDown.into());
        }
        state.alive.push(Arc::clone(shared));
        Ok(())
    }

    /// Accepts no more environments from now on.
    pub(crate) fn shut_down(&self) {
        self.lock().shut_down = true;
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.lock().shut_down
    }

    pub(crate) fn forget(&self, id: &EnvironmentId) {
        let mut state = self.lock();
        let gone = state.alive.iter().position(|shared| shared.inner.id() == id);
        let gone = gone.map(|at| state.alive.remove(at));
        // Unlocked first: dropping the last handle of an environment destroys it, which takes time.
        drop(state);
        drop(gone);
    }

    /// The environments, newest first: a newer one may use an older one.
    pub(crate) fn newest_first(&self) -> Vec<Arc<Shared>> {
        self.lock().alive.iter().rev().cloned().collect()
    }

    pub(crate) fn oldest_first(&self) -> Vec<Arc<Shared>> {
        self.lock().alive.clone()
    }
}

async fn execute(shared: &Arc<Shared>, command: Command) -> Result<Execution> {
    let argv = command.argv.clone();
    let mut execution = shared.report(shared.inner.execute(command).await)?;
    let started = EventKind::CommandStarted { argv: argv.clone() };
    shared.events.emit(shared.inner.as_ref(), started);
    let observed = Arc::clone(shared);
    execution.on_end(Box::new(move |exit| {
        let kind = match exit {
            Some(exit) => EventKind::CommandEnded { argv, exit },
            None => EventKind::CommandAbandoned { argv },
        };
        observed.events.emit(observed.inner.as_ref(), kind);
    }));
    Ok(execution)
}

impl Environment for Managed {
    fn id(&self) -> &EnvironmentId {
        self.shared.inner.id()
    }

    fn name(&self) -> &str {
        self.shared.inner.name()
    }

    fn engine(&self) -> &str {
        self.shared.inner.engine()
    }

    fn spec(&self) -> &EnvironmentSpec {
        self.shared.inner.spec()
    }

    fn status(&self) -> Status {
        self.shared.inner.status()
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.shared.start())
    }

    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(execute(&self.shared, command))
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.shared
                .report(self.shared.inner.copy_in(source, target).await)
        })
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.shared
                .report(self.shared.inner.copy_out(source, target).await)
        })
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.shared.destroy().await?;
            self.tracked.forget(self.id());
            Ok(())
        })
    }

    fn destroy_blocking(&self) {
        self.shared.destroy_blocking();
        if self.status() == Status::Destroyed {
            self.tracked.forget(self.id());
        }
    }

    fn keep(&self) {
        self.shared.kept.store(true, Ordering::Release);
        self.shared.inner.keep();
        // The manager does not own a kept environment: its shutdown does not destroy it.
        self.tracked.forget(self.id());
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        if !self.shared.is_kept() {
            self.destroy_blocking();
        }
    }
}
