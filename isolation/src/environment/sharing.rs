//! The environments of this process that have the network of another one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The environments that have the network of an environment.
pub(crate) struct Sharing<T>(Mutex<Vec<Weak<T>>>);

impl<T> Default for Sharing<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Sharing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").finish_non_exhaustive()
    }
}

impl<T> Sharing<T> {
    /// Adds an environment that has its network.
    pub(crate) fn add(&self, other: &Arc<T>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(other));
    }

    /// Those that exist.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}
