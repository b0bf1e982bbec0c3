//! The lock of a store: users share it, a collection has it alone.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::error::{Error, ErrorKind, Result};

/// How long the lock is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// The kind of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Reads and adds.
    Shared,
    /// Removes what others could read.
    Alone,
}

/// Waits for the lock, which ends when the file is dropped. This blocks.
pub(super) fn lock(path: &Path, with: Use) -> Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(path).map_err(|e| Error::io("open", path, e))?;
    let operation = match with {
        Use::Shared => FlockOperation::NonBlockingLockShared,
        Use::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    let began = Instant::now();
    loop {
        match rustix::fs::flock(&file, operation) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("lock", path, error.into())),
        }
        if began.elapsed() >= TIMEOUT {
            let why = match with {
                Use::Shared => "another process collects what is unused; try again later",
                Use::Alone => "another process uses the snapshots; try again later",
            };
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        std::thread::sleep(PAUSE);
    }
}
