//! The turns of processes that pull the same image: one pulls, the others wait for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::time::sleep;

use super::file::private;
use crate::error::{Error, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The contents of the file after a successful pull. Waiting processes have opened it before.
const DONE: &[u8] = b"done";

/// The outcome of waiting for a turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is this caller's turn to pull.
    Ours(PullTurn),
    /// Another process has pulled the image in the meantime.
    Done,
}

/// The turn to pull an image. Dropping it passes the turn on.
#[derive(Debug)]
pub(crate) struct PullTurn {
    path: PathBuf,
    /// Closing it releases the lock, also when this process is killed.
    file: File,
}

/// Waits for the turn to pull the image with this `key`.
pub(super) async fn turn(directory: &Path, key: &str) -> Result<Turn> {
    private(directory)?;
    let path = directory.join(format!("{key}.lock"));
    let failed = |error: io::Error| Error::io("lock", &path, error);
    loop {
        let mut file = open(&path).map_err(failed)?;
        let has_waited = lock(&file).await.map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        if has_waited && text == DONE {
            return Ok(Turn::Done);
        }
        // If the pull of the holder failed, it has removed the file. A lock on a removed file
        // excludes no process.
        if is_current(&file, &path) {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            return Ok(Turn::Ours(PullTurn { path, file }));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// Locks a file; returns whether another process held the lock.
async fn lock(file: &File) -> io::Result<bool> {
    let mut pause = FIRST_PAUSE;
    let mut has_waited = false;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(has_waited),
            Err(rustix::io::Errno::WOULDBLOCK) => has_waited = true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_current(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(now)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (now.dev(), now.ino())
}

impl PullTurn {
    /// Reports to the waiting processes that the image was pulled.
    pub(crate) fn succeed(mut self) -> Result<()> {
        let written = self.file.write_all(DONE);
        written.map_err(|error| Error::io("write", &self.path, error))
    }
}

impl Drop for PullTurn {
    fn drop(&mut self) {
        // If it stays, it is an empty file that the next pull uses.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ours(directory: &Path) -> PullTurn {
        match turn(directory, "key").await.unwrap() {
            Turn::Ours(turn) => turn,
            Turn::Done => panic!("the image was not pulled"),
        }
    }

    /// A task that waits for a turn that another task holds.
    async fn waiting(directory: &Path) -> tokio::task::JoinHandle<Result<Turn>> {
        let path = directory.to_owned();
        let task = tokio::spawn(async move { turn(&path, "key").await });
        sleep(Duration::from_millis(100)).await;
        assert!(!task.is_finished());
        task
    }

    fn is_empty(directory: &Path) -> bool {
        fs::read_dir(directory).unwrap().next().is_none()
    }

    #[tokio::test]
    async fn everybody_who_waits_gets_the_result_of_one_pull() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("pulls");
        let first = ours(&directory).await;
        let others = [waiting(&directory).await, waiting(&directory).await];
        first.succeed().unwrap();
        for other in others {
            assert!(matches!(other.await.unwrap().unwrap(), Turn::Done));
        }
        assert!(is_empty(&directory));
        drop(ours(&directory).await);
    }

    #[tokio::test]
    async fn failed_pull_passes_the_turn_on() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("pulls");
        let first = ours(&directory).await;
        let other = waiting(&directory).await;
        drop(first);
        let Turn::Ours(second) = other.await.unwrap().unwrap() else {
            panic!("the image was not pulled")
        };
        drop(second);
        assert!(is_empty(&directory));
    }

    #[tokio::test]
    async fn result_of_a_killed_process_is_not_used_later() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("pulls");
        private(&directory).unwrap();
        fs::write(directory.join("key.lock"), DONE).unwrap();
        drop(ours(&directory).await);
    }
}
