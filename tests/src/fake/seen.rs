//! What a fake engine remembers of its clients.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::request::Request;

/// How many connections a fake engine had, and has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections ever opened.
    pub opened: usize,
    /// Connections open now, as the engine sees it.
    pub live: usize,
    /// Heads of requests read.
    pub requests: usize,
}

/// Shared by all connections of one engine, in whichever runtime they are served.
#[derive(Debug, Default)]
pub(super) struct Seen {
    counts: watch::Sender<Counts>,
    requests: Mutex<Vec<Request>>,
}

impl Seen {
    /// Counts a new connection and gives its number, from 0.
    pub(super) fn open(&self) -> usize {
        let mut number = 0;
        self.counts.send_modify(|counts| {
            number = counts.opened;
            counts.opened += 1;
            counts.live += 1;
        });
        number
    }

    pub(super) fn close(&self) {
        self.counts.send_modify(|counts| counts.live -= 1);
    }

    /// Remembers the head of a request and gives its number.
    pub(super) fn head(&self, request: &Request) -> usize {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let number = requests.len();
        requests.push(request.clone());
        drop(requests);
        self.counts.send_modify(|counts| counts.requests += 1);
        number
    }

    /// Remembers the body of the request with that number.
    pub(super) fn body(&self, number: usize, body: &[u8]) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests[number].body = body.to_vec();
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    pub(super) async fn until(&self, wanted: impl FnMut(&Counts) -> bool) {
        // The sender is `self`, so it cannot be gone.
        let mut counts = self.counts.subscribe();
        let _gone = counts.wait_for(wanted).await;
    }
}
