//! Cleanup that no caller awaits, after a drop.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::BoxFuture;
use crate::environment::end_timeout::drop_limit;

/// A job that can be started again if its runtime ends before it is complete.
pub(crate) type Job = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The jobs that run as tasks.
static PENDING: Mutex<Vec<Pending>> = Mutex::new(Vec::new());

/// Runs the job: inside a runtime as a task, outside a runtime before this returns.
///
/// A runtime drops its tasks when it ends, for example at the end of `main`. Then a thread runs all
/// its jobs, and the runtime waits for it. They run at the same time: a network can be removed only
/// when the containers on it are gone.
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
        Ok(runtime) => drop(runtime.spawn(Task::new(&runtime, job).finish())),
        Err(_) => on_a_thread(vec![job]),
    }
}

#[derive(Clone)]
struct Limited {
    job: Job,
    until: Instant,
}

impl Limited {
    async fn run(self) {
        let left = self.until.saturating_duration_since(Instant::now());
        // There is no caller to report an error to.
        let _ = timeout(left, (self.job)()).await;
    }
}

/// Uses a new thread, because a runtime cannot be started in a thread that already has one.
fn on_a_thread(jobs: Vec<Limited>) {
    let work = move || {
        // If no runtime can be built, nothing is removed. A drop cannot report the error.
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            runtime.block_on(async {
                let mut running: JoinSet<()> = jobs.into_iter().map(Limited::run).collect();
                while running.join_next().await.is_some() {}
            });
        }
    };
    let thread = std::thread::Builder::new().name("isolation-cleanup".into());
    if let Ok(thread) = thread.spawn(work) {
        let _ = thread.join();
    }
}

/// A job that runs as a task, and its runtime.
struct Pending {
    number: u64,
    runtime: Handle,
    job: Limited,
}

impl Pending {
    fn all() -> MutexGuard<'static, Vec<Self>> {
        PENDING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the runtime ends: then it accepts no task.
    fn ends(&self) -> bool {
        let task = self.runtime.spawn(pending::<()>());
        let refused = task.is_finished();
        task.abort();
        refused
    }
}

/// The task of a job, by the number of the job.
struct Task(u64);

impl Task {
    fn new(runtime: &Handle, job: Limited) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Pending::all().push(Pending {
            number,
            runtime: runtime.clone(),
            job,
        });
        Self(number)
    }

    async fn finish(self) {
        let job = self.find(Pending::all().iter());
        if let Some(job) = job {
            job.run().await;
        }
        Pending::all().retain(|pending| pending.number != self.0);
    }

    fn find<'a>(&self, mut all: impl Iterator<Item = &'a Pending>) -> Option<Limited> {
        all.find(|pending| pending.number == self.0)
            .map(|pending| pending.job.clone())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut all = Pending::all();
        // A job that is missing was completed, or another drop has waited for it.
        if !all.iter().any(|pending| pending.number == self.0) {
            return;
        }
        let (left, others) = std::mem::take(&mut *all)
            .into_iter()
            .partition::<Vec<_>, _>(|pending| pending.number == self.0 || pending.ends());
        *all = others;
        drop(all);
        on_a_thread(left.into_iter().map(|pending| pending.job).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

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

    /// The job of a network blocked the end of a runtime that had not started those of the
    /// containers on it.
    #[test]
    fn jobs_of_a_runtime_that_ends_wait_for_others() {
        for build in [Builder::new_current_thread, Builder::new_multi_thread] {
            for first in [0, 1] {
                let gate = Arc::new(tokio::sync::Semaphore::new(0));
                let done: Arc<AtomicUsize> = Arc::default();
                let waiting: Job = {
                    let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
                    Arc::new(move || {
                        let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
                        Box::pin(async move {
                            gate.acquire().await.unwrap().forget();
                            done.fetch_add(1, Ordering::SeqCst);
                        })
                    })
                };
                let opening: Job = Arc::new(move || {
                    let gate = Arc::clone(&gate);
                    Box::pin(async move {
                        // Not before the runtime ends.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        gate.add_permits(1);
                    })
                });
                let mut jobs = [waiting, opening];
                jobs.rotate_left(first);
                let runtime = build().enable_all().build().unwrap();
                let limit = Duration::from_secs(60);
                runtime.block_on(async { jobs.into_iter().for_each(|job| run_within(limit, job)) });
                drop(runtime);
                assert_eq!(done.load(Ordering::SeqCst), 1);
            }
        }
    }

    #[test]
    fn hanging_job_delays_the_end_of_a_runtime_once() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let began = Instant::now();
        let limit = Duration::from_millis(300);
        runtime.block_on(async {
            run_within(limit, Arc::new(|| Box::pin(pending())));
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
