//! Runs work once that several callers request at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The work of one kind that is in progress, by key.
#[derive(Default)]
pub(crate) struct SingleFlight {
    running: Mutex<HashMap<String, Weak<Flight>>>,
}

/// One piece of work. The caller that runs it holds the lock. The value is whether it succeeded.
pub(crate) type Flight = tokio::sync::Mutex<bool>;

impl SingleFlight {
    /// The work with this `key`: the running work, or a new one. It is removed with its last
    /// caller.
    pub(crate) fn join(&self, key: String) -> Arc<Flight> {
        // After a panic of another thread, the map is still valid: each change is a single step.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, flight| flight.strong_count() > 0);
        let found = running.get(&key).and_then(Weak::upgrade);
        found.unwrap_or_else(|| {
            let flight = Arc::new(Flight::default());
            running.insert(key, Arc::downgrade(&flight));
            flight
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_one_key_share_a_flight() {
        let flights = SingleFlight::default();
        let first = flights.join("a".into());
        assert!(Arc::ptr_eq(&first, &flights.join("a".into())));
        assert!(!Arc::ptr_eq(&first, &flights.join("b".into())));
    }

    #[test]
    fn a_flight_is_forgotten_with_its_last_caller() {
        let flights = SingleFlight::default();
        let first = flights.join("a".into());
        *first.try_lock().unwrap() = true;
        drop(first);
        let second = flights.join("a".into());
        assert!(!*second.try_lock().unwrap());
        assert_eq!(flights.running.lock().unwrap().len(), 1);
    }
}
