//! The existing environments that a manager has created.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::registry::Registry;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::environment::id::EnvironmentId;
use crate::environment::shared::{Owner, Shared};
use crate::error::{Cause, Result};

/// The environments that exist, oldest first, and the engines.
pub(super) struct Tracked {
    registry: Registry,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shut_down: bool,
    alive: Vec<Arc<Shared>>,
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
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            state: Mutex::default(),
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
        Ok(())
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

    fn engines_supporting<'a>(&'a self, features: &'a BTreeSet<Feature>) -> BoxFuture<'a, Vec<String>> {
        Box::pin(self.registry.engines_supporting(features))
    }
}
