//! The shutdown of a manager, which destroys all its environments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Manager;
use crate::environment::shared::{Owner, Shared};
use crate::error::{Cause, Error, Result};

/// The number of environments that [`Manager::shutdown`] destroys at the same time.
pub(super) const AT_ONCE: usize = 16;

impl Manager {
    /// Destroys every environment, newest first and up to 16 at the same time, and rejects new
    /// ones. It continues after an error. A second call retries the remaining environments.
    pub async fn shutdown(&self) -> Result<()> {
        // These are destroyed below, with all others.
        let _prepared = self.close_pool().await;
        self.tracked.shut_down();
        let mut failures: Vec<Error> = Vec::new();
        let mut destroying = JoinSet::new();
        let mut left = self.tracked.newest_first().into_iter();
        loop {
            while destroying.len() < AT_ONCE {
                let Some(shared) = left.next() else { break };
                destroying.spawn(async move { shared.destroy_anyway().await });
            }
            match destroying.join_next().await {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => failures.push(error),
                // The runtime is ending; the drop of the manager continues.
                Some(Err(ended)) => failures.push(Error::engine("manager", ended)),
            }
        }
        // If a daemon hangs, the removal of older leftovers would hang, too.
        if !self.end_timeout.remaining().is_zero() {
            self.state.finish_sweep().await;
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(Cause::Cleanup(failures).into()),
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if !self.is_owner {
            return;
        }
        self.tracked.shut_down();
        // Dropped after the others.
        let prepared = self.pool.as_ref().map(|pool| pool.close());
        for task in prepared.iter().flat_map(|(_, tasks)| tasks) {
            task.abort();
        }
        let left = self.tracked.newest_first();
        let destroy = |shared: &Arc<Shared>| {
            shared.drop_environment();
            self.tracked.forget(&shared.id);
        };
        // In a runtime, each drop only starts a task. Outside a runtime, each drop waits for the
        // destruction.
        if Handle::try_current().is_ok() || left.len() < 2 {
            left.iter().for_each(destroy);
            return;
        }
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(shared) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                destroy(shared);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..AT_ONCE.min(left.len()) {
                // If no thread can be started, this one does everything.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }
}
