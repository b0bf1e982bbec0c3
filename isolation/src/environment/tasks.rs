//! The tasks that observe an environment, and end with it.

use std::sync::{Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Tasks that would otherwise sleep until their next observation, and keep the memory of an
/// environment until then.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<Vec<AbortHandle>>);

impl Tasks {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(task).abort_handle());
    }

    /// Ends all tasks at their next `await`.
    pub(super) fn end(&self) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            task.abort();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::yield_now;

    use super::*;

    /// A task that sleeps for ever and holds the value; it has begun.
    async fn sleeping(tasks: &Tasks) -> Arc<()> {
        let value = Arc::new(());
        let held = Arc::clone(&value);
        tasks.spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        yield_now().await;
        assert_eq!(Arc::strong_count(&value), 2);
        value
    }

    #[tokio::test]
    async fn task_that_sleeps_keeps_nothing_after_the_end() {
        let tasks = Tasks::default();
        let ended = sleeping(&tasks).await;
        tasks.end();
        let dropped = sleeping(&tasks).await;
        yield_now().await;
        assert_eq!(Arc::strong_count(&ended), 1);
        drop(tasks);
        yield_now().await;
        assert_eq!(Arc::strong_count(&dropped), 1);
    }
}
