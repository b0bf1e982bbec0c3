//! A directory of this machine for what is on its way. Dropping it removes it.
//!
//! A file in the state directory names it, and its process holds a lock on that file. So the
//! collection finds the directories of killed processes.
//!
//! ```text
//! STATE/migrations/RANDOM   the path of the directory
//! ```

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::remove_tree::remove_tree;
use crate::journal::directory::StateDirectory;

/// The beginning of the names of the directories.
const PREFIX: &str = "isolate-migration-";

/// The beginning of the names of notes that are not complete.
const UNFINISHED: &str = ".";

/// The longest path that is read.
const LONGEST: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Carrier {
    path: PathBuf,
    note: Option<Note>,
}

/// The file that names a directory, locked by this process.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    _lock: File,
}

impl Carrier {
    /// Creates a directory, which is noted if there is a state directory.
    pub(super) fn new(state: Option<&StateDirectory>) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", random_hex()));
        let path = std::path::absolute(&path).map_err(|e| Error::io("resolve", &path, e))?;
        let note = state.map(|state| Note::write(state, &path)).transpose()?;
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
        // There is no caller to report an error to. The collection removes the rest.
        if remove_tree(&self.path).is_ok() {
            if let Some(note) = self.note.take() {
                let _ = fs::remove_file(&note.path);
            }
        }
    }
}

impl Note {
    fn write(state: &StateDirectory, directory: &Path) -> Result<Self> {
        let notes = notes(state);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&notes);
        made.map_err(|e| Error::io("create the directory", &notes, e))?;
        let name = random_hex();
        let (new, path) = (notes.join(format!("{UNFINISHED}{name}")), notes.join(name));
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            file.write_all(directory.as_os_str().as_bytes())?;
            fs::rename(&new, &path)?;
            io::Result::Ok(file)
        };
        let lock = write().map_err(|e| Error::io("write", &path, e))?;
        Ok(Self { path, _lock: lock })
    }
}

fn notes(state: &StateDirectory) -> PathBuf {
    state.path().join("migrations")
}

/// Removes the directories of killed processes, and returns their paths; in a dry run it only
/// returns them. This blocks.
pub(in crate::manager) fn collect(state: &StateDirectory, dry_run: bool) -> Result<Vec<PathBuf>> {
    let notes = notes(state);
    let failed = |error| Error::io("list", &notes, error);
    let entries = match fs::read_dir(&notes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(failed)?,
    };
    let mut removed = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let unfinished = path
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(UNFINISHED.as_bytes()));
        let Ok(file) = File::open(&path) else {
            // Its process has removed it meanwhile.
            continue;
        };
        // Its process makes the directory after the note is complete, and locks the note before.
        if unfinished || rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let mut text = Vec::new();
        let read = (&file).take(LONGEST).read_to_end(&mut text);
        read.map_err(|e| Error::io("read", &path, e))?;
        let directory = PathBuf::from(OsStr::from_bytes(&text));
        let is_ours = directory
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
        let exists = is_ours && directory.symlink_metadata().is_ok();
        if exists && !dry_run {
            remove_tree(&directory).map_err(|e| Error::io("remove", &directory, e))?;
        }
        if !dry_run {
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
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
        let note = killed.note.take().unwrap();
        let note_path = note.path.clone();
        drop(note);
        assert_eq!(collect(&state, true).unwrap(), std::slice::from_ref(&left));
        assert!(left.exists() && note_path.exists());
        assert_eq!(collect(&state, false).unwrap(), std::slice::from_ref(&left));
        assert!(!left.exists() && !note_path.exists() && used.path().exists());
        // A note names no directory of others.
        fs::write(&note_path, "/etc").unwrap();
        assert!(collect(&state, false).unwrap().is_empty());
        drop(used);
        assert_eq!(fs::read_dir(notes(&state)).unwrap().count(), 0);
    }
}
