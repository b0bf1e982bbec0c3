//! The ID of a container, by which it is found if somebody else has renamed it.

use std::sync::{Mutex, PoisonError};

/// The ID of the container that was made; `None` until the daemon has returned it.
#[derive(Debug, Default)]
pub(super) struct MadeId(Mutex<Option<String>>);

impl MadeId {
    pub(super) fn of(id: &str) -> Self {
        Self(Mutex::new(Some(id.to_owned())))
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The container was made, or made anew.
    pub(super) fn set(&self, id: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }
}
