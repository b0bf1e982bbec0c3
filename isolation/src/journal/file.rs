//! Files and directories of the journal, which only this user can read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};

/// The environment variable that names another directory.
pub(crate) const VARIABLE: &str = "ISOLATE_STATE_DIR";

/// The largest entry that is read, in bytes.
const LARGEST: u64 = 1 << 20;

pub(super) fn failed(action: &'static str, path: &Path, error: io::Error) -> Error {
    Error::io(action, path, error)
}

/// Creates a directory that only this user can read, or checks that it is one.
pub(super) fn private(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("create the directory", path, error)),
    }
    // The metadata of the entry itself, because a link may lead to any directory of this user.
    let meta = fs::symlink_metadata(path).map_err(|e| failed("read", path, e))?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        let why = format!(
            "{} is not a directory of this user; remove it, or set {VARIABLE} to another directory",
            path.display()
        );
        return Err(Error::new(ErrorKind::Conflict, why));
    }
    if meta.mode() & 0o077 != 0 {
        let closed = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        closed.map_err(|e| failed("change the permissions of", path, e))?;
    }
    Ok(())
}

/// Writes a file atomically: a reader gets the new or the old contents, also after a power failure.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value);
    let text = text.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", random_hex()));
    let written = write_new(&new, &text).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // After an error such as a full disk, a part of it may exist.
        let _ = fs::remove_file(&new);
        failed("write the journal entry", path, error)
    })
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Reads what [`write()`] has written; `None` if the file does not exist.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, error)),
    };
    let mut text = Vec::new();
    let taken = file.take(LARGEST).read_to_end(&mut text);
    taken.map_err(|error| failed("read", path, error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        let why = format!("{} is damaged: {error}; remove the file", path.display());
        Error::new(ErrorKind::Corrupt, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_cannot_be_written_or_read_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("entry");
        fs::create_dir_all(path.join("in-the-way")).unwrap();
        let error = write(&path, &1).unwrap_err().to_string();
        assert!(error.contains("write the journal entry"), "{error}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1, "no part is left");
        read::<u32>(&path).unwrap_err();
        let file = base.path().join("file");
        write(&file, &1).unwrap();
        assert_eq!(read(&file).unwrap(), Some(1));
        let error = read::<u32>(&file.join("below")).unwrap_err().to_string();
        assert!(error.contains("file/below"), "{error}");
    }
}
