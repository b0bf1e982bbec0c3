//! Fills the pool.

use std::sync::Arc;
use std::time::Duration;

use super::{Pool, goods};
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
    let Ok(mut wanted) = goods(selection, spec).await? else {
        return Ok(());
    };
    loop {
        let _turn = pool.turn.lock().await;
        let (wants, outdated) = pool.lock().wants(&wanted, pool.size);
        destroy(outdated).await;
        if !wants {
            return Ok(());
        }
        let environment = prepare(manager, selection, spec).await?;
        // The creation may have pulled the image, and somebody may have changed it meanwhile.
        match goods(selection, spec).await {
            Ok(Ok(now)) if now == wanted || wanted.image.is_empty() => {
                wanted = now;
                let surplus = pool.lock().put(&wanted, pool.size, environment);
                destroy(surplus).await;
            }
            Ok(Ok(now)) => {
                wanted = now;
                destroy(vec![environment]).await;
            }
            other => {
                destroy(vec![environment]).await;
                return other.map(drop);
            }
        }
    }
}

/// Destroys environments that are not used.
async fn destroy(environments: Vec<Environment>) {
    for environment in environments {
        // An error is an event, and the environment stays in the journal.
        let _ = environment.destroy().await;
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
