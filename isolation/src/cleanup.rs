//! Cleanup that no caller awaits, after a drop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use crate::BoxFuture;
use crate::environment::end_timeout::drop_limit;

/// A job that can be started again if its runtime ends before it is complete.
pub(crate) type Job = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Runs the job: inside a runtime as a task, outside a runtime before this returns.
///
/// A runtime drops its tasks when it ends, for example at the end of `main`. Then a thread runs the
/// job, and the runtime waits for it.
pub(crate) fn run(job: Job) {
    run_within(drop_limit(), job);
}

/// Like [`run`], with another limit.
pub(crate) fn run_within(limit: Duration, job: Job) {
    if limit.is_zero() {
        return;
    }
    let job = Limited {
        job,
        until: Instant::now() + limit,
    };
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(Unfinished(Some(job)).finish())),
        Err(_) => job.on_a_thread(),
    }
}

struct Limited {
    job: Job,
    until: Instant,
}

impl Limited {
    async fn run(&self) {
        let left = self.until.saturating_duration_since(Instant::now());
        // There is no caller to report an error to.
        let _ = timeout(left, (self.job)()).await;
    }

    /// Uses a new thread, because a runtime cannot be started in a thread that already has one.
    fn on_a_thread(self) {
        let work = move || {
            // Without a runtime there is no cleanup, and a drop cannot report that.
            if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                runtime.block_on(self.run());
            }
        };
        if let Ok(thread) = std::thread::Builder::new()
            .name("isolation-cleanup".into())
            .spawn(work)
        {
            let _ = thread.join();
        }
    }
}

struct Unfinished(Option<Limited>);

impl Unfinished {
    async fn finish(mut self) {
        if let Some(job) = &self.0 {
            job.run().await;
        }
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.on_a_thread();
        }
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

    #[test]
    fn hanging_job_delays_the_end_of_a_runtime_once() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let began = Instant::now();
        let limit = Duration::from_millis(300);
        runtime.block_on(async {
            run_within(limit, Arc::new(|| Box::pin(std::future::pending())));
            tokio::time::sleep(limit * 2 / 3).await;
        });
        drop(runtime);
        assert!(began.elapsed() >= limit && began.elapsed() < limit * 20);
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
