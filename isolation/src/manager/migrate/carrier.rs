//! A directory of this machine for what is on its way. Dropping it removes it.
//!
//! A file in the state directory names it, and its process holds a lock on that file. So the
//! collection finds the directories of killed processes.
//!
//! ```text
//! STATE/migrations/RANDOM   the path of the directory
//! ```

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::remove_tree::remove_tree;
use crate::journal::directory::StateDirectory;
use crate::journal::notes::{self, Note};

/// The beginning of the names of the directories.
const PREFIX: &str = "isolate-migration-";

/// How often the removal of a directory is tried, if something is written into it meanwhile.
const TRIES: u32 = 40;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Carrier {
    path: PathBuf,
    note: Option<Note>,
}

impl Carrier {
    /// Creates a directory, which is noted if there is a state directory.
    pub(super) fn new(state: Option<&StateDirectory>) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", random_hex()));
        let path = std::path::absolute(&path).map_err(|e| Error::io("resolve", &path, e))?;
        let bytes = path.as_os_str().as_bytes();
        let note = state.map(|state| Note::write(&place(state), bytes)).transpose()?;
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| Error::io("create the directory", &path, e))?;
        Ok(Self { path, note })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // A thread may still write into it, until it misses a directory.
        let removed = (0..TRIES).any(|again| {
            if again > 0 {
                std::thread::sleep(PAUSE);
            }
            remove_tree(&self.path).is_ok() && !self.path.exists()
        });
        // There is no caller to report an error to. The collection removes the rest.
        if removed {
            if let Some(note) = self.note.take() {
                let _ = note.remove();
            }
        }
    }
}

fn place(state: &StateDirectory) -> PathBuf {
    state.path().join("migrations")
}

/// Removes the directories of killed processes, and returns their paths; in a dry run it only
/// returns them. This blocks.
pub(in crate::manager) fn collect(state: &StateDirectory, dry_run: bool) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    // A process makes the directory after its note is complete.
    for (note, text) in notes::find(&place(state))?.left {
        let directory = PathBuf::from(OsStr::from_bytes(&text));
        let is_ours = directory
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
        let exists = is_ours && directory.symlink_metadata().is_ok();
        if exists && !dry_run {
            remove_tree(&directory).map_err(|e| Error::io("remove", &directory, e))?;
        }
        if !dry_run {
            note.remove()?;
        }
        if exists {
            removed.push(directory);
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// After Ctrl-C, a thread still wrote into the directory, which stayed.
    #[test]
    fn directory_is_removed_while_files_are_written() {
        let state = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(state.path()).unwrap();
        let carrier = Carrier::new(Some(&state)).unwrap();
        let path = carrier.path().to_owned();
        let (target, ready) = (path.join("files"), std::sync::Barrier::new(2));
        fs::create_dir(&target).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                ready.wait();
                // As a copy does it, until the directory is gone.
                (0..).find(|number| {
                    std::thread::sleep(Duration::from_millis(1));
                    fs::write(target.join(number.to_string()), "x").is_err()
                })
            });
            ready.wait();
            drop(carrier);
            assert!(!path.exists());
            assert!(writer.join().unwrap().is_some());
        });
        assert_eq!(fs::read_dir(place(&state)).unwrap().count(), 0);
    }

    /// After `kill -9`, the directory stayed, and nothing knew it.
    #[test]
    fn directory_of_a_killed_process_is_collected() {
        let state = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(state.path()).unwrap();
        let (used, killed) = (
            Carrier::new(Some(&state)).unwrap(),
            Carrier::new(Some(&state)).unwrap(),
        );
        fs::write(killed.path().join("file"), "x").unwrap();
        let left = killed.path().to_owned();
        assert!(collect(&state, false).unwrap().is_empty(), "both are in use");
        let mut killed = std::mem::ManuallyDrop::new(killed);
        // The system releases the lock of a killed process.
        drop(killed.note.take());
        let files = || {
            fs::read_dir(place(&state))
                .unwrap()
                .map(|file| file.unwrap().path())
        };
        let names_left = |path: &PathBuf| fs::read(path).unwrap() == left.as_os_str().as_bytes();
        let note_path = files().find(names_left).unwrap();
        assert_eq!(collect(&state, true).unwrap(), std::slice::from_ref(&left));
        assert!(left.exists() && note_path.exists());
        assert_eq!(collect(&state, false).unwrap(), std::slice::from_ref(&left));
        assert!(!left.exists() && !note_path.exists() && used.path().exists());
        // A note names no directory of others.
        fs::write(&note_path, "/etc").unwrap();
        assert!(collect(&state, false).unwrap().is_empty());
        drop(used);
        assert_eq!(fs::read_dir(place(&state)).unwrap().count(), 0);
    }
}
