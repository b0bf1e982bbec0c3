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
    lock_within(path, with, TIMEOUT)
}

fn lock_within(path: &Path, with: Use, timeout: Duration) -> Result<File> {
    let mut options = OpenOptions::new();
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let options = options.custom_flags(no_link);
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
        if began.elapsed() >= timeout {
            let why = match with {
                Use::Shared => "another process collects what is unused; try again later",
                Use::Alone => "another process uses the snapshots; try again later",
            };
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_that_others_hold_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let refused = |with| {
            let error = lock_within(&path, with, PAUSE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            error.to_string()
        };
        let shared = lock(&path, Use::Shared).unwrap();
        drop(lock_within(&path, Use::Shared, PAUSE).unwrap());
        let text = refused(Use::Alone);
        assert!(text.contains("another process uses the snapshots"), "{text}");
        drop(shared);
        let alone = lock(&path, Use::Alone).unwrap();
        let text = refused(Use::Shared);
        assert!(text.contains("another process collects what is unused"), "{text}");
        drop(alone);
        lock(&path, Use::Alone).unwrap();
    }
}
