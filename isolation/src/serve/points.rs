//! The states of environments that a connection holds for forks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::forks::ForkPoint;
use crate::error::{Error, Result};

/// The states that a connection holds, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Points(Mutex<(u64, BTreeMap<u64, Arc<ForkPoint>>)>);

impl Points {
    /// Holds a state; returns its number.
    pub(super) fn add(&self, point: ForkPoint) -> u64 {
        let mut points = self.points();
        points.0 += 1;
        let number = points.0;
        points.1.insert(number, Arc::new(point));
        number
    }

    pub(super) fn get(&self, number: u64) -> Result<Arc<ForkPoint>> {
        let found = self.points().1.get(&number).cloned();
        found.ok_or_else(|| Error::not_found(format!("no state of an environment has the number {number}")))
    }

    /// Removes a state. The caller drops it, which may take a while.
    pub(super) fn remove(&self, number: u64) -> Option<Arc<ForkPoint>> {
        self.points().1.remove(&number)
    }

    fn points(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<ForkPoint>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
