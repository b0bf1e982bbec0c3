//! The state of the supervision of an environment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::watch::Health;

/// The supervision of one environment.
#[derive(Debug, Default)]
pub(crate) struct Supervision {
    /// Grows with each start and stop by this process; a task of an older one ends.
    pub(super) generation: AtomicU64,
    /// Held during a restart, so that a stop does not overtake it.
    pub(super) restarting: tokio::sync::Mutex<()>,
    pub(super) health: Mutex<Option<Health>>,
}

impl Supervision {
    pub(super) fn health(&self) -> Option<Health> {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the supervision, after a restart that is in progress.
    pub(super) async fn end(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        drop(self.restarting.lock().await);
    }

    pub(super) fn is(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }
}
