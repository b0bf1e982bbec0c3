//! Environments that are prepared in advance, so that a test gets one at once.

mod filling;
mod shelves;
mod suitable;
mod taking;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use self::shelves::Shelves;
use super::Manager;
use super::registry::{EngineChoice, Selection};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::events::pool_miss::PoolMiss;
use crate::spec::EnvironmentSpec;

/// The maximum number of prepared environments, unless one specification may have more.
const MOST: usize = 16;

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

    /// Removes all environments, and accepts no more. The tasks that prepare environments end by
    /// themselves.
    pub(super) fn close(&self) -> (Vec<Environment>, Vec<JoinHandle<()>>) {
        let mut state = self.lock();
        (state.close(), std::mem::take(&mut state.filling))
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
            pool.lock().remember(choice, &spec, &selection);
            match goods(&selection, &spec).await? {
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
        stats.ready = state.ready();
        stats
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

/// The source from which an environment is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Goods {
    /// The key of environments that can replace each other if they have the same image: engine and
    /// specification.
    key: String,
    /// The ID of the image; empty if the engine does not have it yet.
    image: String,
}

/// The key of the environments that can replace one with this specification, without its image. Or
/// the reason why such an environment is not prepared.
fn key_of(selection: &Selection, spec: &EnvironmentSpec) -> Result<std::result::Result<String, PoolMiss>> {
    if let Some(reason) = suitable::reason_against(spec) {
        return Ok(Err(reason));
    }
    let spec = filled_in(selection, spec);
    let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
    let scope = (selection.engine.name(), selection.engine.address(), &spec);
    let digest = Sha256::digest(serde_json::to_vec(&scope).map_err(corrupt)?);
    Ok(Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The source from which environments are prepared now, or the reason why none are prepared.
async fn goods(
    selection: &Selection,
    spec: &EnvironmentSpec,
) -> Result<std::result::Result<Goods, PoolMiss>> {
    let key = match key_of(selection, spec)? {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    Ok(match image_of(selection, spec).await? {
        Some(image) => Ok(Goods { key, image }),
        None => Err(PoolMiss::Engine),
    })
}

/// The ID of the image that an environment would get now; `None` if the engine does not say it.
async fn image_of(selection: &Selection, spec: &EnvironmentSpec) -> Result<Option<String>> {
    selection.engine.image_id(&filled_in(selection, spec)).await
}

/// The specification with the defaults of the engine.
fn filled_in(selection: &Selection, spec: &EnvironmentSpec) -> EnvironmentSpec {
    let mut spec = spec.clone();
    selection.engine.fill_in(&mut spec);
    spec
}
