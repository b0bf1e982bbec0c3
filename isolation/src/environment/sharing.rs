//! The environments of this process that have the network of another one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::counted::listed;
use crate::error::{Error, ErrorKind};

/// The error of a removal of an environment whose network others have. They would have no network
/// without it, and some engines do not remove it.
pub(crate) fn in_use(names: &[String]) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "its network is used by the {}; destroy what uses it first: `isolate rm --force`, or \
             Environment::destroy",
            listed(names, "environment", "environments")
        ),
    )
}

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
