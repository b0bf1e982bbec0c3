//! Fills the pool.

use std::sync::Arc;
use std::time::Duration;

use super::{MOST, Pool};
use crate::command::Command;
use crate::environment::Environment;
use crate::error::Result;
use crate::manager::Manager;
use crate::manager::registry::Selection;
use crate::spec::EnvironmentSpec;

/// How long an environment that was just taken has the daemon for its first command: on a small
/// machine, the creation of the next one makes that several times as slow.
const HEAD_START: Duration = Duration::from_millis(50);

impl Manager {
    /// Prepares environments of this specification in a task, unless such a task already runs.
    pub(in crate::manager) fn fill_in_background(&self, selection: &Selection, spec: &EnvironmentSpec) {
        let Some(pool) = &self.pool else { return };
        let (manager, pool, selection, spec) =
            (self.for_task(), Arc::clone(pool), selection.clone(), spec.clone());
        let of_task = Arc::clone(&pool);
        let task = tokio::spawn(async move {
            tokio::time::sleep(HEAD_START).await;
            // An error is an event; the next creation tries again.
            let _ = fill(&manager, &of_task, &selection, &spec).await;
        });
        let mut state = pool.lock();
        state.filling.retain(|task| !task.is_finished());
        state.filling.push(task);
    }
}

/// Prepares environments until enough are ready.
pub(super) async fn fill(
    manager: &Manager,
    pool: &Pool,
    selection: &Selection,
    spec: &EnvironmentSpec,
) -> Result<()> {
    // The image may have changed or been pulled since the last time.
    let Ok(key) = manager.pool_key(selection, spec).await? else {
        return Ok(());
    };
    loop {
        let _turn = pool.turn.lock().await;
        if !pool.wants(&key) {
            return Ok(());
        }
        let environment = prepare(manager, selection, spec).await?;
        for surplus in pool.put(&key, environment) {
            // An error is an event, and the environment stays in the journal.
            let _ = surplus.destroy().await;
        }
    }
}

/// Creates and starts an environment, and prepares it for its first command.
async fn prepare(manager: &Manager, selection: &Selection, spec: &EnvironmentSpec) -> Result<Environment> {
    let environment = manager.create_guarded(selection, spec.clone()).await?;
    let started = async {
        environment.start().await?;
        environment.warm(&Command::shell(":")).await
    };
    match started.await {
        Ok(()) => Ok(environment),
        Err(error) => {
            // The first error is returned; the other one is an event.
            let _ = environment.destroy().await;
            Err(error)
        }
    }
}

impl Pool {
    /// Whether fewer environments are ready than required. From now on, the specification is known.
    fn wants(&self, key: &str) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.clock += 1;
        let now = state.clock;
        let shelf = state.by_key.entry(key.to_owned()).or_default();
        shelf.last_used = shelf.last_used.max(now);
        shelf.ready.len() < self.size
    }

    /// Adds an environment; returns environments that the pool must drop for it.
    fn put(&self, key: &str, environment: Environment) -> Vec<Environment> {
        let mut state = self.lock();
        if state.closed {
            return vec![environment];
        }
        state.stats.prepared += 1;
        state
            .by_key
            .entry(key.to_owned())
            .or_default()
            .ready
            .push_back(environment);
        let most = MOST.max(self.size);
        let mut surplus = Vec::new();
        loop {
            let ready: usize = state.by_key.values().map(|shelf| shelf.ready.len()).sum();
            if ready <= most {
                break;
            }
            let others = state.by_key.iter().filter(|(other, _)| *other != key);
            let oldest = others.min_by_key(|(_, shelf)| shelf.last_used);
            let Some(oldest) = oldest.map(|(other, _)| other.clone()) else {
                break;
            };
            surplus.extend(
                state
                    .by_key
                    .remove(&oldest)
                    .into_iter()
                    .flat_map(|shelf| shelf.ready),
            );
        }
        state.stats.discarded += surplus.len() as u64;
        surplus
    }
}
