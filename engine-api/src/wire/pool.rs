//! Connections that stay open between calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};

use super::conn::Conn;

/// The default number of idle connections.
const MOST_IDLE: usize = 16;

/// The maximum idle time of a connection. Engines and proxies close connections that are idle for
/// longer.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// The idle connections of one client, the most recently used first.
///
/// Each is stored with the runtime in which it was opened. A connection is registered with the
/// driver of that runtime, and would never wake up in another runtime. So a client in a `static`
/// has connections for each runtime.
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
        // The connections before it are even older.
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

    /// Closes the connections above the maximum number, the oldest first.
    fn shrink(&self, idle: &mut Vec<Idle>) {
        let above = idle.len().saturating_sub(self.most.load(Ordering::Relaxed));
        idle.drain(..above);
    }

    /// Sets the maximum number of idle connections.
    pub(crate) fn set_most_idle(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.shrink(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Closes all idle connections: one of them was closed, so the engine may have restarted.
    pub(crate) fn clear(&self) {
        let dead = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(dead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::canned::Canned;

    #[tokio::test]
    async fn connection_that_was_idle_for_long_is_closed() {
        let pool = Pool::default();
        for age in [
            LONGEST_IDLE * 2,
            LONGEST_IDLE + Duration::from_secs(1),
            Duration::ZERO,
        ] {
            let Some(since) = Instant::now().checked_sub(age) else {
                return; // the machine has just been started
            };
            let conn = Conn::open(&Canned::new("")).await.ok().unwrap();
            let runtime = current_runtime();
            pool.idle.lock().unwrap().push(Idle { conn, runtime, since });
        }
        assert!(pool.take().is_some());
        assert_eq!(pool.idle.lock().unwrap().len(), 2);
        assert!(pool.take().is_none());
        assert_eq!(pool.idle.lock().unwrap().len(), 0);
    }
}
