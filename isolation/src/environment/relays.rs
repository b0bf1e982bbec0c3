//! The relays of a running environment: for services of this machine that are exposed inside, and
//! for ports that its network cannot publish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::relay::{Relay, Start};

/// The relays of an environment.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    /// Starts commands in the environment.
    start: OnceLock<Arc<dyn Start>>,
    /// Only one task at a time starts relays.
    pub(super) beginning: tokio::sync::Mutex<()>,
    open: Mutex<Open>,
}

/// The relays that are open.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Every port that was exposed, and its relay while the environment runs.
    pub(super) exposed: BTreeMap<u16, Option<Relay>>,
    /// The relays of forwarded ports, with the addresses on this machine.
    pub(super) forwarded: Vec<(Relay, Endpoint)>,
}

impl Relays {
    /// Sets the function that starts commands in the environment.
    pub(super) fn start_by(&self, start: impl FnOnce() -> Arc<dyn Start>) {
        self.start.get_or_init(start);
    }

    pub(super) fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the relays, because the environment no longer runs. Exposed ports stay in the list.
    pub(super) fn end(&self) {
        let mut open = self.open();
        open.forwarded.clear();
        open.exposed.values_mut().for_each(|relay| *relay = None);
    }

    /// The function that starts commands in the environment.
    pub(super) fn starter(&self) -> Result<Arc<dyn Start>> {
        self.start.get().cloned().ok_or_else(no_handles)
    }
}

/// The error of an environment whose handles were dropped.
pub(super) fn no_handles() -> Error {
    Error::new(
        ErrorKind::WrongStatus,
        "all handles of the environment were dropped",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_without_a_handle_is_not_started() {
        let error = Relays::default().starter().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::WrongStatus);
        assert_eq!(error.to_string(), "all handles of the environment were dropped");
    }
}
