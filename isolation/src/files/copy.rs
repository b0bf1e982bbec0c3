//! Copies files and directories: permissions are kept, links are copied as links.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Cancels a copy on another thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Cancels the copy when it is dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(pub(crate) Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::invalid("the copy was cancelled")),
            false => Ok(()),
        }
    }
}

/// Creates the directories between `top`, which must exist, and `path`, but never `top` itself: if
/// it is missing, the environment was destroyed and must not reappear as an empty directory.
pub(crate) fn make_parents(top: &Path, path: &Path) -> Result<()> {
    let between = path.parent().and_then(|parent| parent.strip_prefix(top).ok());
    let mut directory = top.to_owned();
    for name in between.into_iter().flatten() {
        directory.push(name);
        create_directory(&directory)?;
    }
    Ok(())
}

/// Creates one directory, unless it exists.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(Error::io("create the directory", path, error))
        }
        _ => Ok(()),
    }
}

/// Writes one file.
pub(crate) fn write_file(content: &[u8], mode: u32, to: &Path) -> Result<()> {
    reject_directory(to)?;
    fs::write(to, content).map_err(|e| Error::io("write", to, e))?;
    set_mode(to, Permissions::from_mode(mode & 0o7777))
}

/// Removes what would block a copy: a link could lead anywhere, a pipe could wait for ever, a
/// read-only file cannot be written. A directory is kept. A file that a directory would replace is
/// kept too; the copy reports that as an error later.
pub(crate) fn clear(from: &Path, to: &Path) -> Result<()> {
    let Ok(meta) = to.symlink_metadata() else {
        return Ok(());
    };
    if meta.is_symlink() || !meta.is_dir() && !from.is_dir() {
        fs::remove_file(to).map_err(|e| Error::io("replace", to, e))?;
    }
    Ok(())
}

/// Copies a file, a link or a directory with its contents. `to` is the path of the copy.
pub(crate) fn copy(from: &Path, to: &Path, stop: &Stop) -> Result<()> {
    stop.check()?;
    let meta = from.symlink_metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("{} does not exist", from.display())),
        _ => Error::io("read", from, error),
    })?;
    let kind = meta.file_type();
    if kind.is_dir() {
        copy_directory(from, &meta, to, stop)
    } else if kind.is_symlink() {
        copy_link(from, to)
    } else if kind.is_file() {
        reject_directory(to)?;
        if to.symlink_metadata().is_ok_and(|there| there.is_file()) {
            clear(from, to)?;
        }
        let copied = fs::copy(from, to).map_err(|e| Error::io("copy", from, e));
        copied.map(drop)
    } else {
        // Reading a pipe could wait for ever; skipping it silently would lose it.
        let why = format!(
            "cannot copy {}: it is a socket, a pipe or a device",
            from.display()
        );
        Err(Error::invalid(why))
    }
}

fn copy_directory(from: &Path, meta: &Metadata, to: &Path, stop: &Stop) -> Result<()> {
    create_directory(to)?;
    let unreadable = |e| Error::io("list", from, e);
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let source = from.join(&name);
        // Without this check, a directory copied into itself would be copied for ever.
        if source != to {
            let target = to.join(name);
            clear(&source, &target)?;
            copy(&source, &target, stop)?;
        }
    }
    // Last: no file can be created in a read-only directory.
    set_mode(to, meta.permissions())
}

fn copy_link(from: &Path, to: &Path) -> Result<()> {
    let target = fs::read_link(from).map_err(|e| Error::io("read", from, e))?;
    symlink(target, to).map_err(|e| Error::io("create the link", to, e))
}

fn reject_directory(to: &Path) -> Result<()> {
    match to.is_dir() {
        true => Err(Error::invalid(format!(
            "cannot replace the directory {} with a file; give the full target path",
            to.display()
        ))),
        false => Ok(()),
    }
}

fn set_mode(path: &Path, mode: Permissions) -> Result<()> {
    fs::set_permissions(path, mode).map_err(|e| Error::io("set the permissions of", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn copied_tree_keeps_content_modes_and_links() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/run"), [0, 255, 10]).unwrap();
        set_mode(&from.join("deep/run"), Permissions::from_mode(0o751)).unwrap();
        set_mode(&from.join("deep"), Permissions::from_mode(0o555)).unwrap();
        symlink("/etc/passwd", from.join("link")).unwrap();
        for _ in 0..2 {
            copy(&from, &to, &Stop::default()).unwrap(); // the second time it replaces
            set_mode(&to.join("deep"), Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(fs::read(to.join("deep/run")).unwrap(), [0, 255, 10]);
        assert_eq!(
            fs::metadata(to.join("deep/run")).unwrap().permissions().mode() & 0o777,
            0o751
        );
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("/etc/passwd"));
    }

    #[test]
    fn link_in_the_target_is_replaced_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["from", "from/sub", "to", "elsewhere"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("from/sub/file"), "new").unwrap();
        fs::write(at("from/file"), "new").unwrap();
        fs::write(at("secret"), "old").unwrap();
        symlink(at("secret"), at("to/file")).unwrap();
        symlink(at("elsewhere"), at("to/sub")).unwrap();
        copy(&at("from"), &at("to"), &Stop::default()).unwrap();
        assert_eq!(fs::read(at("secret")).unwrap(), b"old");
        assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 0);
        assert_eq!(fs::read(at("to/sub/file")).unwrap(), b"new");
    }

    #[test]
    fn invalid_copies_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let kind = |from: &str, to: &str| copy(&at(from), &at(to), &Stop::default()).unwrap_err().kind();
        assert_eq!(kind("socket", "x"), ErrorKind::InvalidInput);
        assert_eq!(kind("missing", "x"), ErrorKind::NotFound);
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("file"), "x").unwrap();
        assert_eq!(kind("file", "directory"), ErrorKind::InvalidInput);
        assert_eq!(kind("directory", "file"), ErrorKind::Io);
    }

    #[test]
    fn parents_are_created_but_not_the_top() {
        let directory = tempfile::tempdir().unwrap();
        make_parents(directory.path(), &directory.path().join("a/b/c")).unwrap();
        assert!(directory.path().join("a/b").is_dir() && !directory.path().join("a/b/c").exists());
        let gone = directory.path().join("gone");
        assert!(make_parents(&gone, &gone.join("a/b")).is_err());
        assert!(!gone.exists());
    }

    #[test]
    fn cancelled_copy_stops() {
        let stop = Stop::default();
        drop(StopOnDrop(stop.clone()));
        assert!(copy(Path::new("/etc"), Path::new("/no/where"), &stop).is_err());
    }
}
