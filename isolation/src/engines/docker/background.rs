//! Work that must be done though nobody awaits it: the cleanup of what was dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use crate::BoxFuture;

/// A piece of work that may be begun again when its runtime ends under it.
pub(super) type Job = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// How long a thread without a runtime is held up at most.
const LIMIT: Duration = Duration::from_secs(60);

/// Does the work: inside of a runtime as a task of it, elsewhere before this returns.
///
/// A runtime that ends, as at the end of `main`, drops its tasks; the work is then done by a thread, and
/// that end waits for it.
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

/// A thread of its own, since a runtime cannot be started where another one may be at work.
fn on_a_thread(job: Job) {
    let work = move || {
        // Without a runtime nothing can be done, and whoever drops cannot be told.
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(async { timeout(LIMIT, job()).await });
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
    fn without_a_runtime_it_is_done_on_return() {
        let done = Arc::default();
        run(counting(&done, Duration::from_millis(1)));
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_runtime_that_ends_waits_for_it() {
        for build in [Builder::new_current_thread, Builder::new_multi_thread] {
            let done = Arc::default();
            let runtime = build().enable_all().build().unwrap();
            runtime.block_on(async { run(counting(&done, Duration::from_millis(50))) });
            drop(runtime);
            assert_eq!(done.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn in_a_runtime_it_is_done_once_and_holds_nobody_up() {
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
