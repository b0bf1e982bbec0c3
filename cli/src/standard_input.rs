//! Standard input, and whether it is read: a thread that waits for input cannot be ended.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_READ: AtomicBool = AtomicBool::new(false);

/// Standard input for a task.
pub(crate) fn reader() -> tokio::io::Stdin {
    IS_READ.store(true, Ordering::Relaxed);
    tokio::io::stdin()
}

/// Standard input for a thread.
pub(crate) fn blocking() -> std::io::Stdin {
    IS_READ.store(true, Ordering::Relaxed);
    std::io::stdin()
}

/// Whether a thread may wait for input.
pub(crate) fn is_read() -> bool {
    IS_READ.load(Ordering::Relaxed)
}
