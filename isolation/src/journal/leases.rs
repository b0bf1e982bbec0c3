//! The leases of a shared environment: the processes that use it.
//!
//! Each user has a file that names its process. A lock is held while leases are counted and the
//! environment is created or removed. The system releases the lock when its process exits. So no
//! process gets an environment that another process is about to remove.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::time::sleep;

use super::file::{private, read, write};
use super::process::{Liveness, Process};
use crate::environment::id::random_hex;
use crate::error::{Error, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The leases of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    directory: PathBuf,
    lock: PathBuf,
}

/// The lock of the leases; they do not change while this exists.
#[derive(Debug)]
pub(crate) struct Lock {
    leases: Leases,
    /// Closing it releases the lock.
    _file: File,
}

/// One user of the environment. Dropping it ends the lease.
#[derive(Debug)]
pub(crate) struct Lease {
    file: PathBuf,
    pid: u32,
}

impl Leases {
    pub(super) fn at(directory: PathBuf) -> Self {
        let lock = directory.with_extension("lock");
        Self { directory, lock }
    }

    /// Waits for the lock. Its holder is creating or removing the environment.
    pub(crate) async fn lock(&self) -> Result<Lock> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(file) = self.try_lock().map_err(|e| Error::io("lock", &self.lock, e))? {
                private(&self.directory)?;
                return Ok(Lock {
                    leases: self.clone(),
                    _file: file,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_lock(&self) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).open(&self.lock)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // The last user removes the file. A lock on a removed file excludes no process.
        let is_current = fs::metadata(&self.lock).is_ok_and(|now| {
            file.metadata()
                .is_ok_and(|ours| (ours.dev(), ours.ino()) == (now.dev(), now.ino()))
        });
        Ok(is_current.then_some(file))
    }

    /// The number of active users. Without the lock it may change at once.
    pub(crate) fn users(&self) -> Result<usize> {
        let files = match fs::read_dir(&self.directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(Error::io("list", &self.directory, error)),
        };
        let mut users = 0;
        for file in files.flatten() {
            let is_lease = !file.file_name().to_string_lossy().starts_with('.');
            if is_lease && is_used(&file.path()) {
                users += 1;
            }
        }
        Ok(users)
    }
}

/// Whether the process of a lease may run. A lease that cannot be read may be one of a live
/// process.
fn is_used(file: &Path) -> bool {
    match read::<Process>(file) {
        Ok(Some(process)) => process.liveness() != Liveness::Dead,
        Ok(None) => false,
        Err(_) => true,
    }
}

impl Lock {
    /// Adds a lease of this process.
    pub(crate) fn add(&self) -> Result<Lease> {
        let process = Process::current();
        let file = self.leases.directory.join(random_hex());
        write(&file, &process)?;
        Ok(Lease {
            file,
            pid: process.pid,
        })
    }

    /// The number of active users.
    pub(crate) fn users(&self) -> Result<usize> {
        self.leases.users()
    }

    /// Removes the leases of an environment that no longer exists.
    pub(crate) fn forget(&self) {
        // The next user finds the rest, and counts only live processes.
        let _ = fs::remove_dir_all(&self.leases.directory);
        let _ = fs::remove_file(&self.leases.lock);
    }
}

impl Lease {
    /// Ends the lease; a second call does nothing.
    pub(crate) fn end(&self) -> Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.file, error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A forked process does not end the lease of its parent.
        if self.pid == std::process::id() {
            // If the file stays, the lease ends with this process.
            let _ = self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// With a lock on a file that the last user had removed, two tasks held the lock.
    #[tokio::test]
    async fn one_at_a_time_holds_the_lock() {
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        let base = tempfile::tempdir().unwrap();
        let leases = Leases::at(base.path().join("id"));
        let mut tasks = tokio::task::JoinSet::new();
        for round in 0..50 {
            let leases = leases.clone();
            tasks.spawn(async move {
                let lock = leases.lock().await.unwrap();
                assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0);
                sleep(Duration::from_millis(1)).await;
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                if round % 2 == 0 {
                    lock.forget();
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    }

    #[tokio::test]
    async fn lease_of_a_process_that_ended_counts_no_more() {
        let base = tempfile::tempdir().unwrap();
        let leases = Leases::at(base.path().join("id"));
        assert_eq!(leases.users().unwrap(), 0);
        let lock = leases.lock().await.unwrap();
        let (first, second) = (lock.add().unwrap(), lock.add().unwrap());
        assert_eq!(lock.users().unwrap(), 2);
        let dead = Process {
            boot: Some("an earlier one".into()),
            ..Process::current()
        };
        write(&base.path().join("id/dead"), &dead).unwrap();
        assert_eq!(lock.users().unwrap(), 2);
        drop(first);
        second.end().unwrap();
        assert_eq!(lock.users().unwrap(), 0);
        lock.forget();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn lease_that_cannot_be_read_counts() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("id");
        let leases = Leases::at(path.clone());
        let lock = leases.lock().await.unwrap();
        let lease = lock.add().unwrap();
        fs::create_dir(path.join("unreadable")).unwrap();
        assert_eq!(lock.users().unwrap(), 2);
        fs::remove_dir(path.join("unreadable")).unwrap();
        // Its file cannot be removed, because a directory is there.
        fs::remove_file(&lease.file).unwrap();
        fs::create_dir(&lease.file).unwrap();
        let error = lease.end().unwrap_err().to_string();
        assert!(error.contains("cannot remove"), "{error}");
        fs::remove_dir_all(&path).unwrap();
        fs::write(&path, "no directory").unwrap();
        let error = lock.users().unwrap_err().to_string();
        assert!(error.contains("cannot list"), "{error}");
    }
}
