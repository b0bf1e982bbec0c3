//! The existing environments that a manager has created.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::options::Reaper;
use super::registry::Registry;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::watch::WeakWatching;
use crate::environment::id::EnvironmentId;
use crate::environment::shared::{Owner, Shared};
use crate::environment::status::Status;
use crate::error::{Cause, Result};
use crate::journal::directory::StateDirectory;

/// The environments that exist, oldest first, and the engines.
pub(super) struct Tracked {
    registry: Registry,
    reaper: Reaper,
    state: Mutex<State>,
    /// The watches of engines, by the names of the engines: two would send each event twice.
    pub(super) watches: tokio::sync::Mutex<BTreeMap<String, WeakWatching>>,
}

#[derive(Default)]
struct State {
    shut_down: bool,
    alive: Vec<Arc<Shared>>,
    /// These and those that others destroy: kept ones, and those that were opened. Somebody holds
    /// them.
    known: Vec<Weak<Shared>>,
}

impl fmt::Debug for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("registry", &self.registry)
            .field("alive", &self.lock().alive)
            .finish()
    }
}

impl Tracked {
    pub(super) fn new(registry: Registry, reaper: Reaper) -> Self {
        Self {
            registry,
            reaper,
            state: Mutex::default(),
            watches: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an environment, unless the manager is shut down.
    pub(super) fn add(&self, shared: &Arc<Shared>) -> Result<()> {
        let mut state = self.lock();
        if state.shut_down {
            return Err(Cause::ShutDown.into());
        }
        state.alive.push(Arc::clone(shared));
        drop(state);
        self.know(shared);
        Ok(())
    }

    /// Adds an environment that this manager does not destroy.
    pub(super) fn know(&self, shared: &Arc<Shared>) {
        let mut state = self.lock();
        state.known.retain(|known| known.strong_count() > 0);
        let others: Vec<Arc<Shared>> = state.known.iter().filter_map(Weak::upgrade).collect();
        state.known.push(Arc::downgrade(shared));
        drop(state);
        let shares = |one: &Shared, other: &Shared| {
            one.spec.network.shares_with() == Some(other.id.as_str()) && !one.instance.keeps_network()
        };
        for other in &others {
            if shares(shared, other) {
                other.sharing.add(shared);
            }
            if shares(other, shared) {
                shared.sharing.add(other);
            }
        }
    }

    /// Accepts no more environments from now on.
    pub(super) fn shut_down(&self) {
        self.lock().shut_down = true;
    }

    /// Fails if the manager is shut down.
    pub(super) fn check_open(&self) -> Result<()> {
        match self.lock().shut_down {
            true => Err(Cause::ShutDown.into()),
            false => Ok(()),
        }
    }

    /// The environments, newest first: a newer one may use an older one.
    pub(super) fn newest_first(&self) -> Vec<Arc<Shared>> {
        self.lock().alive.iter().rev().cloned().collect()
    }

    pub(super) fn oldest_first(&self) -> Vec<Arc<Shared>> {
        self.lock().alive.clone()
    }

    /// The environment with this ID, if this process has a handle of it. An earlier one with this
    /// ID may have been destroyed.
    pub(super) fn find(&self, id: &EnvironmentId) -> Option<Arc<Shared>> {
        let state = self.lock();
        let mut known = state.known.iter().filter_map(Weak::upgrade);
        known.find(|shared| shared.id == *id && shared.status() != Status::Destroyed)
    }

    /// Every environment of which this process has a handle; one for each ID.
    pub(super) fn known(&self) -> Vec<Arc<Shared>> {
        let mut all: Vec<Arc<Shared>> = Vec::new();
        for shared in self.lock().known.iter().filter_map(Weak::upgrade) {
            if !all.iter().any(|one| one.id == shared.id) {
                all.push(shared);
            }
        }
        all
    }
}

impl Owner for Tracked {
    fn forget(&self, id: &EnvironmentId) {
        let mut state = self.lock();
        let gone = state.alive.iter().position(|shared| shared.id == *id);
        let gone = gone.map(|at| state.alive.remove(at));
        // The lock is released first: dropping the last handle of an environment destroys it, which
        // takes time.
        drop(state);
        drop(gone);
    }

    fn address_of(&self, engine: &str) -> Option<String> {
        self.registry.get(engine).ok()?.address()
    }

    fn start_reaper(&self, directory: &StateDirectory) {
        super::state::start_reaper(directory, &self.reaper);
    }

    fn engines_supporting<'a>(&'a self, features: &'a BTreeSet<Feature>) -> BoxFuture<'a, Vec<String>> {
        Box::pin(self.registry.engines_supporting(features))
    }
}
