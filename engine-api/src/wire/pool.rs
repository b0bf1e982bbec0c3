//! Connections kept open between calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};

use super::conn::Conn;

/// How many idle connections are kept, unless the user sets another number.
const MOST_IDLE: usize = 16;

/// A connection that was idle for longer is not used again, because engines and proxies close it.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// The idle connections of one client, the last used first.
///
/// Each remembers the runtime it was opened in. A connection is registered with that runtime's
/// driver and would never wake up in another one, so a client in a `static` keeps connections per
/// runtime.
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    /// Idle connections above this number are closed.
    most: AtomicUsize,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
            most: AtomicUsize::new(MOST_IDLE),
        }
    }
}

struct Idle {
    conn: Box<Conn>,
    runtime: Option<Id>,
    since: Instant,
}

fn current_runtime() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
}

impl Pool {
    /// Takes an idle connection of this runtime, if there is one.
    pub(crate) fn take(&self) -> Option<Box<Conn>> {
        let runtime = current_runtime();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|idle| idle.runtime == runtime)?;
        let found = idle.remove(at);
        if found.since.elapsed() < LONGEST_IDLE {
            return Some(found.conn);
        }
        // Those before it are older still.
        idle.retain(|idle| idle.since.elapsed() < LONGEST_IDLE);
        None
    }

    /// Keeps a connection whose reply has been read to the end.
    pub(crate) fn keep(&self, mut conn: Box<Conn>) {
        if !conn.is_reusable() {
            return;
        }
        let entry = Idle {
            conn,
            runtime: current_runtime(),
            since: Instant::now(),
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(entry);
        self.shrink(&mut idle);
    }

    /// Closes the connections above the number that is kept, the oldest first.
    fn shrink(&self, idle: &mut Vec<Idle>) {
        let above = idle.len().saturating_sub(self.most.load(Ordering::Relaxed));
        idle.drain(..above);
    }

    /// Sets how many are kept.
    pub(crate) fn set_most_idle(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.shrink(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Closes all idle connections: one of them was dead, so the engine may have restarted.
    pub(crate) fn clear(&self) {
        let dead = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(dead);
    }
}
