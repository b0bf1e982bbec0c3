//! Removes environments of processes that have exited.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Manager;
use super::gc_report::{GcEntry, GcFailure, GcReport};
use super::registry::Registry;
use super::shutdown::AT_ONCE;
use crate::engine::context::Context;
use crate::engine::{Engine, Leftover};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, EventSink, Subject};
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::journal::entry::{Entry, Resource};
use crate::journal::left_image::LeftImage;
use crate::spec::lifetime::Lifetime;

/// The time after the exit of a process in which a resource may still appear: the engine completes
/// a request even if its sender has exited.
const MAY_APPEAR: Duration = Duration::from_secs(5);

/// After this time no resource can appear.
const CREATED_LONG_AGO: Duration = Duration::from_secs(600);

/// The timeout of the removal of one environment.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a container that is made anew, for example at a port that is free, may be missing.
const MADE_ANEW: Duration = Duration::from_secs(1);

/// The timeout of the lock of an environment's leases.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(200);

/// How to collect: see [`Manager::gc`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gc {
    /// Only report what would be removed.
    pub dry_run: bool,
}

/// The entries that are examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Environments without an owner.
    Orphans,
    /// Also kept environments, which another process may have removed.
    Everything,
}

/// Collects the environments of one journal.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    pub(super) registry: Registry,
    pub(super) events: EventSink,
    pub(super) directory: StateDirectory,
    scope: Scope,
    pub(super) dry_run: bool,
}

/// The outcome for one entry.
enum Outcome {
    /// It is in use again, or was removed.
    Used,
    Removed,
    Gone,
    Failed(Error),
}

impl Manager {
    /// Removes the environments of the [journal](crate::ManagerOptions::journal) whose owner has
    /// exited and that are neither kept nor in use by others, in any state. Also removes the
    /// entries of environments that no longer exist, with the volumes and networks that belonged to
    /// them, and resumes environments that a killed process
    /// has paused for a snapshot, a fork or a migration, and removes images of forks and restored
    /// snapshots that others used when their last environment was removed. Environments of live
    /// processes and of other programs are not touched.
    ///
    /// An environment that cannot be removed, for example because its daemon does not answer, is in
    /// [`GcReport::failed`], and its entry stays for the next time.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub async fn gc(&self, gc: Gc) -> Result<GcReport> {
        match self.state.directory()? {
            None => Ok(GcReport::default()),
            Some(directory) => {
                let mut collector =
                    Collector::new(self.registry(), &self.events, directory, Scope::Everything);
                collector.dry_run = gc.dry_run;
                collector.collect().await
            }
        }
    }
}

impl Collector {
    pub(super) fn new(
        registry: &Registry,
        events: &EventSink,
        directory: &StateDirectory,
        scope: Scope,
    ) -> Self {
        Self {
            registry: registry.clone(),
            events: events.clone(),
            directory: directory.clone(),
            scope,
            dry_run: false,
        }
    }

    /// Whether a process has left an environment, or has left it paused.
    pub(super) fn has_work(&self) -> bool {
        let entries = self.directory.entries().unwrap_or_default();
        let pauses = self.directory.left_pauses();
        entries.iter().flatten().any(|entry| self.is_left(entry)) || pauses.is_ok_and(|all| !all.is_empty())
    }

    /// Whether no process uses the environment any more.
    fn is_left(&self, entry: &Entry) -> bool {
        match entry.lifetime {
            Lifetime::Owner => entry.is_orphan(),
            Lifetime::Kept => false,
            // Leases that cannot be read are not removed.
            Lifetime::Shared => matches!(self.directory.leases(&entry.id).users(), Ok(0)),
        }
    }

    pub(super) async fn collect(&self) -> Result<GcReport> {
        let mut report = GcReport::default();
        self.resume_all(&mut report).await?;
        let (mut orphans, mut kept) = (Vec::new(), Vec::new());
        for found in self.directory.entries()? {
            match found {
                Ok(entry) if self.is_left(&entry) => orphans.push(entry),
                Ok(entry) if entry.lifetime == Lifetime::Kept => kept.push(entry),
                Ok(_) => {}
                Err((id, error)) => report.failed.push(GcFailure {
                    id,
                    name: String::new(),
                    error,
                }),
            }
        }
        let mut missing = Vec::new();
        if self.scope == Scope::Everything {
            missing = self.drop_missing(kept, &mut report).await;
            #[cfg(unix)]
            {
                report.directories = super::migrate::carrier::collect(&self.directory, self.dry_run)?;
            }
        }
        match self.dry_run {
            true => self.look(orphans, &mut report).await,
            false => self.remove_all(orphans, &mut report).await,
        }
        if self.scope == Scope::Everything {
            self.remove_images(missing, &mut report).await?;
        }
        Ok(report)
    }

    /// Removes the entries of kept environments that another program has removed, with their
    /// volumes and networks, and returns their images.
    async fn drop_missing(&self, kept: Vec<Entry>, report: &mut GcReport) -> Vec<LeftImage> {
        let mut missing = self.missing(kept).await;
        missing.retain(|entry| entry.others().next().is_none() || !entry.is_of_another());
        if missing.iter().any(|entry| entry.others().next().is_some()) {
            sleep(MADE_ANEW).await;
            missing = self.missing(missing).await;
        }
        let mut images = Vec::new();
        for entry in missing {
            // The entries before it took their time.
            if entry.others().next().is_some() && self.missing(vec![entry.clone()]).await.is_empty() {
                continue;
            }
            let dropped = self.drop_entry(&entry).await;
            let outcome = dropped.map_or_else(
                |error| Outcome::Failed(error.during("remove the environment", &entry.name)),
                |(left, outcome)| {
                    images.extend(left);
                    outcome
                },
            );
            self.report(&entry, outcome, report);
        }
        images
    }

    /// The entries whose environments do not exist.
    async fn missing(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let examined = self.examine(entries).await.into_iter();
        // If an engine does not answer, none of its environments could be removed.
        let missing = examined.filter(|(_, exists)| matches!(exists, Ok(false)));
        missing.map(|(entry, _)| entry).collect()
    }

    /// Removes an entry and what is left of its environment. Its images are noted, and returned.
    async fn drop_entry(&self, entry: &Entry) -> Result<(Vec<LeftImage>, Outcome)> {
        let images: Vec<LeftImage> = entry.images().collect();
        let others: Vec<Resource> = entry.others().cloned().collect();
        let mut found = !others.is_empty();
        if !self.dry_run {
            images
                .iter()
                .try_for_each(|left| self.directory.note_image(left))?;
            if found {
                let engine = self.registry.reach(&entry.engine, &entry.address)?;
                found = self.ask(&engine, entry, &others).await?;
            }
            self.directory.remove(&entry.id)?;
        }
        let outcome = if found { Outcome::Removed } else { Outcome::Gone };
        Ok((images, outcome))
    }

    /// Reports the environments that would be removed.
    async fn look(&self, orphans: Vec<Entry>, report: &mut GcReport) {
        for (entry, exists) in self.examine(orphans).await {
            let outcome = match exists {
                Ok(true) => Outcome::Removed,
                Ok(false) => Outcome::Gone,
                Err(error) => Outcome::Failed(error),
            };
            self.report(&entry, outcome, report);
        }
    }

    /// Whether each environment exists; each engine is asked once.
    async fn examine(&self, entries: Vec<Entry>) -> Vec<(Entry, Result<bool>)> {
        let mut listed: BTreeMap<(String, String), std::result::Result<Vec<EnvironmentId>, String>> =
            BTreeMap::new();
        let mut examined = Vec::new();
        for entry in entries {
            let place = (entry.engine.clone(), entry.address.clone());
            if !listed.contains_key(&place) {
                let ids = self.ids(&entry).await.map_err(|error| error.to_string());
                listed.insert(place.clone(), ids);
            }
            let exists = match &listed[&place] {
                Ok(ids) => Ok(ids.contains(&entry.id)),
                Err(text) => Err(Error::new(ErrorKind::Unavailable, text.clone())),
            };
            examined.push((entry, exists));
        }
        examined
    }

    async fn ids(&self, entry: &Entry) -> Result<Vec<EnvironmentId>> {
        let engine = self.registry.reach(&entry.engine, &entry.address)?;
        let listed = engine.list().await?;
        Ok(listed.into_iter().map(|summary| summary.id).collect())
    }

    async fn remove_all(&self, orphans: Vec<Entry>, report: &mut GcReport) {
        let mut left = orphans.into_iter();
        let mut removing = JoinSet::new();
        let mut entries = HashMap::new();
        loop {
            while removing.len() < AT_ONCE {
                let Some(entry) = left.next() else { break };
                let (collector, of_task) = (self.clone(), entry.clone());
                let task = removing.spawn(async move { collector.remove(&of_task).await });
                entries.insert(task.id(), entry);
            }
            let Some(ended) = removing.join_next_with_id().await else {
                break;
            };
            // An engine that panics must not hide the others.
            let (task, outcome) = ended.unwrap_or_else(|error| {
                let id = error.id();
                (
                    id,
                    Outcome::Failed(Error::new(ErrorKind::Engine, error.to_string())),
                )
            });
            if let Some(entry) = entries.remove(&task) {
                self.report(&entry, outcome, report);
            }
        }
    }

    async fn remove(&self, entry: &Entry) -> Outcome {
        if entry.lifetime != Lifetime::Shared {
            return self.remove_unused(entry).await;
        }
        // No process can begin to use it while the lock is held.
        let leases = self.directory.leases(&entry.id);
        let lock = match timeout(LOCK_TIMEOUT, leases.lock()).await {
            Ok(Ok(lock)) => lock,
            Ok(Err(error)) => return Outcome::Failed(error),
            // It is being created, so it is used.
            Err(_) => return Outcome::Failed(Error::new(ErrorKind::Timeout, "it is being created")),
        };
        match lock.users() {
            // Its last user has removed it in the meantime.
            Ok(0) if matches!(self.directory.read(&entry.id), Ok(None)) => {
                lock.forget();
                return Outcome::Used;
            }
            Ok(0) => {}
            Ok(_) => return Outcome::Used,
            Err(error) => return Outcome::Failed(error),
        }
        let outcome = self.remove_unused(entry).await;
        if !matches!(outcome, Outcome::Failed(_)) {
            lock.forget();
        }
        outcome
    }

    async fn remove_unused(&self, entry: &Entry) -> Outcome {
        let removed = match self.registry.reach(&entry.engine, &entry.address) {
            Ok(engine) => self.remove_from(&engine, entry).await,
            Err(error) => Err(error),
        };
        match removed {
            Err(error) => Outcome::Failed(error.during("remove the environment", &entry.name)),
            Ok(found) => match self.directory.remove(&entry.id) {
                Ok(()) if found => Outcome::Removed,
                Ok(()) => Outcome::Gone,
                Err(error) => Outcome::Failed(error),
            },
        }
    }

    /// Removes an environment. If it does not exist, checks again for some time.
    async fn remove_from(&self, engine: &Arc<dyn Engine>, entry: &Entry) -> Result<bool> {
        let age = self.directory.age(&entry.id);
        let appears = age.is_some_and(|age| age < CREATED_LONG_AGO);
        let began = Instant::now();
        loop {
            if self.ask(engine, entry, &entry.resources).await? {
                return Ok(true);
            }
            if !appears || began.elapsed() >= MAY_APPEAR {
                return Ok(false);
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks an engine to remove an environment with these resources.
    async fn ask(&self, engine: &Arc<dyn Engine>, entry: &Entry, resources: &[Resource]) -> Result<bool> {
        let journal = Journal::of(Some(&self.directory), &entry.id);
        let context = Context::new(self.events.clone(), journal);
        let leftover = Leftover {
            id: &entry.id,
            resources,
            context: &context,
        };
        let removed = timeout(REMOVE_TIMEOUT, engine.remove(leftover)).await;
        removed.unwrap_or_else(|_| {
            let why = format!("the removal did not end within {} s", REMOVE_TIMEOUT.as_secs());
            Err(Error::new(ErrorKind::Timeout, why))
        })
    }

    fn report(&self, entry: &Entry, outcome: Outcome, report: &mut GcReport) {
        let (id, name) = (entry.id.clone(), entry.name.clone());
        let reported = GcEntry {
            id: id.clone(),
            name: name.clone(),
            engine: entry.engine.clone(),
            address: entry.address.clone(),
            pid: entry.owner.pid,
        };
        match outcome {
            Outcome::Used => {}
            Outcome::Gone => report.gone.push(reported),
            Outcome::Failed(error) => report.failed.push(GcFailure { id, name, error }),
            Outcome::Removed => {
                if !self.dry_run {
                    let engine = entry.engine.clone();
                    self.events
                        .emit(Subject::Environment { id, name, engine }, EventKind::Destroyed);
                }
                report.removed.push(reported);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
