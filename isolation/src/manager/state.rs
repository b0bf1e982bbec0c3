//! The journal of a manager. It is opened and cleaned with the first environment.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::gc::{Collector, Scope};
use super::options::{ManagerOptions, Reaper};
use super::registry::Registry;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::events::EventSink;
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::journal::entry::Entry;

/// The time that a shutdown waits for the removal of leftovers of earlier processes.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct State {
    options: ManagerOptions,
    directory: OnceLock<Option<StateDirectory>>,
    swept: AtomicBool,
    /// The removal of leftovers of earlier processes.
    sweep: Mutex<Option<JoinHandle<()>>>,
}

/// Removes the entry if the environment was not created.
pub(super) struct Entered(Option<Journal>);

impl Entered {
    /// The environment exists, and removes the entry itself.
    pub(super) fn complete(mut self) {
        self.0 = None;
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(journal) = &self.0 {
            journal.finish();
        }
    }
}

impl State {
    pub(super) fn new(options: ManagerOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// The directory for bundles of failures.
    pub(super) fn bundles(&self) -> Option<PathBuf> {
        self.options.bundles()
    }

    /// The state directory; `None` without a journal.
    pub(super) fn directory(&self) -> Result<Option<&StateDirectory>> {
        if let Some(opened) = self.directory.get() {
            return Ok(opened.as_ref());
        }
        let opened = match self.options.journal {
            true => StateDirectory::open(self.options.state_directory.as_deref())?,
            false => None,
        };
        Ok(self.directory.get_or_init(|| opened).as_ref())
    }

    /// The entry of an environment that exists; empty without a usable directory.
    pub(super) fn journal(&self, id: &EnvironmentId) -> Journal {
        Journal::of(self.directory().ok().flatten(), id)
    }

    /// Writes the entry of an environment that is about to be created, and starts the reaper.
    pub(super) async fn enter(
        &self,
        registry: &Registry,
        events: &EventSink,
        entry: Option<Entry>,
        journal: &Journal,
    ) -> Result<Entered> {
        let entered = Entered(Some(journal.clone()));
        let (Some(entry), Some(directory)) = (entry, self.directory()?) else {
            return Ok(entered);
        };
        let (journal, directory, options) = (journal.clone(), directory.clone(), self.options.clone());
        let first = !self.swept.swap(true, Ordering::AcqRel);
        let collector = Collector::new(registry, events, &directory, Scope::Orphans);
        let work = move || {
            journal.begin(&entry)?;
            start_reaper(&directory, &options.reaper);
            Ok((first && collector.has_work()).then_some(collector))
        };
        // This does not run in the runtime's thread, because the disk may be slow.
        let written: Result<Option<Collector>> = tokio::task::spawn_blocking(work)
            .await
            .map_err(|ended| Error::engine("journal", ended))?;
        if let Some(collector) = written? {
            // Leftovers stay in the journal for the next one.
            let sweep = tokio::spawn(async move { drop(collector.collect().await) });
            *self.sweep.lock().unwrap_or_else(PoisonError::into_inner) = Some(sweep);
        }
        Ok(entered)
    }

    /// Waits for the removal of leftovers of earlier processes, but not for a slow daemon.
    pub(super) async fn finish_sweep(&self) {
        let sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sweep) = sweep {
            // Leftovers stay in the journal.
            let _ = timeout(SWEEP_TIMEOUT, sweep).await;
        }
    }
}

#[cfg(unix)]
pub(super) fn start_reaper(directory: &StateDirectory, reaper: &Reaper) {
    if let Some(program) = reaper.program() {
        crate::journal::reaper::ensure(directory, &program);
    }
}

#[cfg(not(unix))]
pub(super) fn start_reaper(_: &StateDirectory, _: &Reaper) {}
