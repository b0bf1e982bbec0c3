//! Notes about what a process has to undo: files that are locked while the process lives. The
//! system releases the lock of a killed process, so that the collection finds its notes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::directory::is_abandoned;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};

/// The beginning of the names of notes that are not complete.
const UNFINISHED: &str = ".";

/// The longest note that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// A note that is locked by this process. A dropped note stays, for the collection.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
    _lock: File,
}

impl Note {
    /// Writes a note, and creates its directory if it does not exist.
    pub(crate) fn write(directory: &Path, content: &[u8]) -> Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|e| Error::io("create the directory", directory, e))?;
        let name = random_hex();
        let new = directory.join(format!("{UNFINISHED}{name}"));
        let path = directory.join(name);
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            file.write_all(content)?;
            fs::rename(&new, &path)?;
            io::Result::Ok(file)
        };
        let written = write().map_err(|error| {
            // After an error such as a full disk, a part of it may exist.
            let _ = fs::remove_file(&new);
            Error::io("write", &path, error)
        });
        written.map(|lock| Self { path, _lock: lock })
    }

    /// Removes the note: its work is done.
    pub(crate) fn remove(self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path, error))
            }
            _ => Ok(()),
        }
    }
}

/// The notes in a directory, with their contents.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those of processes that have exited. They are locked by this process now.
    pub(crate) left: Vec<(Note, Vec<u8>)>,
    /// The contents of those of live processes.
    pub(crate) held: Vec<Vec<u8>>,
}

/// Reads the notes in a directory.
pub(crate) fn find(directory: &Path) -> Result<Found> {
    let failed = |error| Error::io("list", directory, error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
        listed => listed.map_err(failed)?,
    };
    let mut found = Found::default();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_bytes();
        let unfinished = name.starts_with(UNFINISHED.as_bytes());
        if unfinished && !is_abandoned(&path) {
            continue;
        }
        let Ok(file) = File::open(&path) else {
            // Its process has removed it meanwhile.
            continue;
        };
        let is_left = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if unfinished {
            if is_left {
                // Its process was killed before it had anything to undo.
                let _ = fs::remove_file(&path);
            }
            continue;
        }
        let mut text = Vec::new();
        let read = (&file).take(LONGEST).read_to_end(&mut text);
        read.map_err(|e| Error::io("read", &path, e))?;
        match is_left {
            true => found.left.push((Note { path, _lock: file }, text)),
            false => found.held.push(text),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// The contents of the notes of live processes, and of others.
    fn contents(directory: &Path) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let found = find(directory).unwrap();
        let left = found.left.iter().map(|(_, text)| text.clone()).collect();
        (found.held, left)
    }

    #[test]
    fn note_is_left_when_its_lock_is_released() {
        let base = tempfile::tempdir().unwrap();
        let notes = base.path().join("notes");
        assert_eq!(contents(&notes), (vec![], vec![]), "no directory");
        let held = Note::write(&notes, b"held").unwrap();
        drop(Note::write(&notes, b"left").unwrap());
        assert_eq!(contents(&notes), (vec![b"held".to_vec()], vec![b"left".to_vec()]));
        held.remove().unwrap();
        let mut found = find(&notes).unwrap();
        let (note, _) = found.left.pop().unwrap();
        fs::remove_file(&note.path).unwrap();
        note.remove().unwrap();
        assert_eq!(contents(&notes), (vec![], vec![]));
    }

    #[test]
    fn unfinished_note_is_removed_when_it_is_old() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join(".unfinished");
        fs::write(&path, "half").unwrap();
        assert_eq!(contents(base.path()), (vec![], vec![]));
        assert!(path.exists(), "its process may be writing it");
        File::open(&path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(contents(base.path()), (vec![], vec![]));
        assert!(!path.exists());
    }

    #[test]
    fn note_that_cannot_be_written_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Note::write(&file.join("notes"), b"x").unwrap_err().to_string();
        assert!(
            error.contains("create the directory") && error.contains("notes"),
            "{error}"
        );
        let error = find(&file).unwrap_err().to_string();
        assert!(error.contains("list"), "{error}");
        let note = Note::write(base.path(), b"x").unwrap();
        fs::remove_file(&note.path).unwrap();
        fs::create_dir(&note.path).unwrap();
        let error = note.remove().unwrap_err().to_string();
        assert!(error.contains("remove"), "{error}");
        // A directory among the notes cannot be read.
        let error = find(base.path()).unwrap_err().to_string();
        assert!(error.contains("read"), "{error}");
    }
}
