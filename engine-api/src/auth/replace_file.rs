//! Replaces a file that may contain secrets.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Atomically replaces a file. Its owner and mode stay; a new file is readable only by this user. A
/// link stays, and its target is replaced.
pub(super) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let file = behind_links(file);
    let directory = file.parent().unwrap_or(Path::new("."));
    create_directory(directory)?;
    // A name that is unique among processes, calls, and killed processes.
    let random = RandomState::new().hash_one(std::process::id());
    let partial = directory.join(format!(".config.json.{random:016x}"));
    let mut new = private(&partial)?;
    let replaced = keep_owner(&file, &partial)
        .and_then(|()| new.write_all(text))
        .and_then(|()| new.sync_all())
        .and_then(|()| std::fs::rename(&partial, &file));
    if replaced.is_err() {
        // The error of the write is returned.
        drop(std::fs::remove_file(&partial));
    }
    replaced
}

/// The target of symbolic links, which may not exist.
fn behind_links(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    // For a loop of links, the write fails.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&file) else {
            break;
        };
        file = file.parent().unwrap_or(Path::new("")).join(target);
    }
    file
}

/// Creates a directory that only this user can enter.
fn create_directory(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Gives a new file the mode and the owner of the file that it replaces.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let Ok(old) = old.metadata() else {
        return Ok(());
    };
    let made = new.metadata()?;
    if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        chown(new, Some(old.uid()), Some(old.gid()))?;
    }
    std::fs::set_permissions(new, old.permissions())
}

/// Other systems derive the rights of a file from its directory.
#[cfg(not(unix))]
fn keep_owner(_old: &Path, _new: &Path) -> io::Result<()> {
    Ok(())
}

/// A new file that only this user can read.
fn private(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_replacement_leaves_no_part() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.json");
        std::fs::create_dir(&file).unwrap();
        std::fs::write(file.join("inside"), "").unwrap();
        replace(&file, b"{}").unwrap_err();
        let names = std::fs::read_dir(directory.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["config.json"]);
        assert!(file.join("inside").exists());
    }
}
