//! Cleanup that no caller awaits, after a drop.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use crate::BoxFuture;

/// A job that can be started again if its runtime ends before it is done.
pub(super) type Job = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// How long a thread without a runtime is blocked at most.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the job: inside a runtime as a task, outside a runtime before this returns.
///
/// A runtime that ends, as at the end of `main`, drops its tasks. A thread then runs the job, and
/// the runtime waits for it.
pub(super) fn run(job: Job) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(Unfinished(Some(job)).finish())),
        Err(_) => on_a_thread(job),
    }
}

struct Unfinished(Option<Job>);

impl Unfinished {
    async fn finish(mut self) {
        if let Some(job) = &self.0 {
            job().await;
        }
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            on_a_thread(job);
        }
    }
}

/// Uses a new thread, because a runtime cannot be started in a thread that already has one.
fn on_a_thread(job: Job) {
    let work = move || {
        // Without a runtime there is no cleanup, and a drop cannot report that.
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(async { timeout(TIMEOUT, job()).await });
        }
    };
    if let Ok(thread) = std::thread::Builder::new()
        .name("isolation-cleanup".into())
        .spawn(work)
    {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counting(done: &Arc<AtomicUsize>, pause: Duration) -> Job {
        let done = Arc::clone(done);
        Arc::new(move || {
            let done = Arc::clone(&done);
            Box::pin(async move {
                tokio::time::sleep(pause).await;
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
    }

    #[test]
    fn job_without_a_runtime_is_done_on_return() {
        let done = Arc::default();
        run(counting(&done, Duration::from_millis(1)));
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn runtime_that_ends_waits_for_the_job() {
        for build in [Builder::new_current_thread, Builder::new_multi_thread] {
            let done = Arc::default();
            let runtime = build().enable_all().build().unwrap();
            runtime.block_on(async { run(counting(&done, Duration::from_millis(50))) });
            drop(runtime);
            assert_eq!(done.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn job_in_a_runtime_runs_once_and_does_not_block() {
        let done = Arc::default();
        run(counting(&done, Duration::from_millis(1)));
        assert_eq!(done.load(Ordering::SeqCst), 0);
        while done.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::task::yield_now().await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
