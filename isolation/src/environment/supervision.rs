//! The state of the supervision of an environment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::watch::Health;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::restart::Recovery;

/// The supervision of one environment.
#[derive(Debug, Default)]
pub(crate) struct Supervision {
    /// The generation: it grows with each start and stop by this process, and a task of an older
    /// generation ends.
    pub(super) generation: AtomicU64,
    /// Held during a restart, so that a stop does not overtake it.
    pub(super) restarting: tokio::sync::Mutex<()>,
    health: Mutex<Option<Health>>,
    /// The recovery since the last call.
    recovered: Mutex<Option<Recovery>>,
    given_up: Mutex<Option<GivenUp>>,
}

/// Why the environment is not restarted automatically.
#[derive(Debug, Clone)]
struct GivenUp {
    why: String,
    /// Whether it must not be restarted.
    failed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervision {
    pub(super) fn health(&self) -> Option<Health> {
        *lock(&self.health)
    }

    /// Stores a result of the health check; returns whether it has changed.
    pub(super) fn has_health(&self, health: Health) -> bool {
        lock(&self.health).replace(health) != Some(health)
    }

    /// Begins a new generation, and returns its number.
    pub(super) fn begin(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Ends the supervision, after a running restart.
    pub(super) async fn end(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        drop(self.restarting.lock().await);
    }

    /// Whether it is being restarted at the moment, perhaps by a recreation.
    pub(super) fn is_restarting(&self) -> bool {
        self.restarting.try_lock().is_err()
    }

    pub(super) fn is(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    /// Records that the environment runs again, with this loss.
    pub(super) fn has_recovered(&self, recovery: Recovery) {
        *lock(&self.recovered) = Some(recovery);
    }

    /// Fails once after an automatic restart: a caller must notice that the run has changed.
    pub(super) fn check_same_run(&self) -> Result<()> {
        let lost = match lock(&self.recovered).take() {
            None => return Ok(()),
            Some(Recovery::Recreate) => "its processes and every file outside of volumes",
            Some(_) => "its processes and files in memory",
        };
        let text =
            format!("the environment was started again by itself; {lost} are lost; repeat the call to go on");
        Err(Error::new(ErrorKind::Restarted, text))
    }

    /// Records that the environment is not restarted automatically; if it has `failed`, it must not
    /// be started.
    pub(super) fn gives_up(&self, why: String, failed: bool) {
        // The reason is reported instead.
        *lock(&self.recovered) = None;
        *lock(&self.given_up) = Some(GivenUp { why, failed });
    }

    /// Why the environment does not run, if the supervision has ended.
    pub(super) fn reason(&self) -> Option<String> {
        lock(&self.given_up).as_ref().map(|given_up| given_up.why.clone())
    }

    /// Whether the environment must not be restarted.
    pub(super) fn has_failed(&self) -> bool {
        lock(&self.given_up)
            .as_ref()
            .is_some_and(|given_up| given_up.failed)
    }

    /// Another caller has started it.
    pub(super) fn is_started(&self) {
        *lock(&self.given_up) = None;
    }
}
