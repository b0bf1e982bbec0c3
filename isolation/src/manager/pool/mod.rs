//! Environments that are prepared in advance, so that a test gets one at once.

mod filling;
mod suitable;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::Manager;
use super::registry::{EngineChoice, Selection};
use crate::environment::Environment;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::events::pool_miss::PoolMiss;
use crate::events::{EventKind, Subject};
use crate::spec::EnvironmentSpec;

/// The maximum number of prepared environments, unless one specification may have more.
const MOST: usize = 16;

/// The timeout of the readiness test of a prepared environment before its use.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The pool of a manager in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolStats {
    /// The number of environments that were taken from the pool.
    pub hits: u64,
    /// The number of environments that were created instead, by reason.
    pub misses: BTreeMap<PoolMiss, u64>,
    /// The number of prepared environments.
    pub prepared: u64,
    /// The number of environments that were removed unused: they had ended, or others needed their
    /// place.
    pub discarded: u64,
    /// The number of environments that are ready now.
    pub ready: usize,
}

/// The prepared environments of a manager.
#[derive(Debug)]
pub(super) struct Pool {
    /// The maximum number of ready environments for each specification.
    size: usize,
    state: Mutex<Shelves>,
    /// Only one environment is prepared at a time, because creations of callers have priority.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Shelves {
    closed: bool,
    by_key: BTreeMap<String, Shelf>,
    /// Counts uses of shelves, to find the least recently used one.
    clock: u64,
    stats: PoolStats,
    filling: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shelf {
    ready: VecDeque<Environment>,
    last_used: u64,
}

impl Pool {
    /// The pool; `None` for a size of 0.
    pub(super) fn new(size: usize) -> Option<Self> {
        (size > 0).then(|| Self {
            size,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the oldest environment of a specification, and returns it with whether there has
    /// been any.
    fn take(&self, key: &str) -> (Option<Environment>, bool) {
        let mut state = self.lock();
        state.clock += 1;
        let now = state.clock;
        match state.by_key.get_mut(key) {
            Some(shelf) => {
                shelf.last_used = now;
                (shelf.ready.pop_front(), true)
            }
            None => (None, false),
        }
    }

    /// Removes all environments, and accepts no more. The tasks that prepare environments end by
    /// themselves.
    pub(super) fn close(&self) -> (Vec<Environment>, Vec<JoinHandle<()>>) {
        let mut state = self.lock();
        state.closed = true;
        let shelves = std::mem::take(&mut state.by_key).into_values();
        let left = shelves.flat_map(|shelf| shelf.ready).collect();
        (left, std::mem::take(&mut state.filling))
    }
}

impl Manager {
    /// Prepares environments of this specification on the engine that [`select`](Self::select)
    /// chooses, until [`ManagerOptions::pool`](crate::ManagerOptions::pool) environments are ready.
    /// [`create`](Self::create) then returns one of them. Without this call, the first creation
    /// prepares the next ones in the background.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) if the pool is off, or if such an
    /// environment cannot be prepared: see [`PoolMiss`].
    pub async fn prepare(&self, choice: &EngineChoice, spec: EnvironmentSpec) -> Result<()> {
        let name = spec.name.clone().unwrap_or_default();
        let prepared = async {
            self.tracked.check_open()?;
            let selection = self.select(choice, &spec).await?;
            let Some(pool) = &self.pool else {
                let text = "this manager has no pool; set ManagerOptions::pool";
                return Err(Error::new(ErrorKind::Unsupported, text));
            };
            match self.pool_key(&selection, &spec).await? {
                Ok(_) => filling::fill(self, pool, &selection, &spec).await,
                Err(reason) => {
                    let text = format!("the environment cannot be prepared ahead: {}", reason.explain());
                    Err(Error::new(ErrorKind::Unsupported, text))
                }
            }
        };
        prepared
            .await
            .map_err(|error| error.during("prepare environments", &name))
    }

    /// The counters of the pool; zeros without a pool.
    pub fn pool_stats(&self) -> PoolStats {
        let Some(pool) = &self.pool else {
            return PoolStats::default();
        };
        let state = pool.lock();
        let mut stats = state.stats.clone();
        stats.ready = state.by_key.values().map(|shelf| shelf.ready.len()).sum();
        stats
    }

    /// Takes an environment from the pool, if it is enabled and contains a usable one.
    pub(super) async fn take_prepared(
        &self,
        selection: &Selection,
        spec: &EnvironmentSpec,
    ) -> Option<Environment> {
        let pool = self.pool.as_ref()?;
        let reason = match self.pool_key(selection, spec).await {
            Ok(Ok(key)) => match self.take_usable(&key).await {
                Ok(environment) => {
                    pool.lock().stats.hits += 1;
                    let subject = Subject::Environment {
                        id: environment.id().clone(),
                        name: environment.name().to_owned(),
                        engine: environment.engine().to_owned(),
                    };
                    self.events.emit(subject, EventKind::PoolHit);
                    self.fill_in_background(selection, spec);
                    return Some(environment);
                }
                Err(reason) => reason,
            },
            Ok(Err(reason)) => reason,
            // The creation that follows reports the error of the engine.
            Err(_) => PoolMiss::Engine,
        };
        *pool.lock().stats.misses.entry(reason).or_default() += 1;
        let engine = selection.engine.name().to_owned();
        self.events
            .emit(Subject::Engine { engine }, EventKind::PoolMiss { reason });
        None
    }

    /// Takes environments until one passes the test; the others are destroyed.
    async fn take_usable(&self, key: &str) -> std::result::Result<Environment, PoolMiss> {
        let Some(pool) = &self.pool else {
            return Err(PoolMiss::FirstUse);
        };
        let mut reason = None;
        loop {
            let (taken, known) = pool.take(key);
            let Some(environment) = taken else {
                let none = if known {
                    PoolMiss::Empty
                } else {
                    PoolMiss::FirstUse
                };
                return Err(reason.unwrap_or(none));
            };
            if is_usable(&environment).await {
                return Ok(environment);
            }
            reason = Some(PoolMiss::Unusable);
            pool.lock().stats.discarded += 1;
            // An error is an event, and the environment stays in the journal.
            let _ = environment.destroy().await;
        }
    }

    /// The key of environments that can replace each other: engine, specification and image. Or the
    /// reason why such an environment is not prepared.
    async fn pool_key(
        &self,
        selection: &Selection,
        spec: &EnvironmentSpec,
    ) -> Result<std::result::Result<String, PoolMiss>> {
        if let Some(reason) = suitable::reason_against(spec) {
            return Ok(Err(reason));
        }
        let mut spec = spec.clone();
        selection.engine.fill_in(&mut spec);
        let Some(image) = selection.engine.image_id(&spec).await? else {
            return Ok(Err(PoolMiss::Engine));
        };
        let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
        let scope = (selection.engine.name(), selection.engine.address(), image, &spec);
        let digest = Sha256::digest(serde_json::to_vec(&scope).map_err(corrupt)?);
        Ok(Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Closes the pool, and returns its remaining environments.
    pub(super) async fn close_pool(&self) -> Vec<Environment> {
        let Some(pool) = &self.pool else {
            return Vec::new();
        };
        let (left, filling) = pool.close();
        for task in filling {
            let abort = task.abort_handle();
            // If a task is aborted, the guard of its environment destroys it.
            if tokio::time::timeout(self.end_timeout.remaining(), task)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
        left
    }
}

/// Whether an environment still runs and is ready.
async fn is_usable(environment: &Environment) -> bool {
    let runs = match environment.inspect().await {
        Ok(state) => state.status == Status::Running,
        Err(_) => false,
    };
    match &environment.spec().ready {
        Some(ready) if runs => environment
            .wait_until(&ready.wait_for, TEST_TIMEOUT)
            .await
            .is_ok(),
        _ => runs,
    }
}
