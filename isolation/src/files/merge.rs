//! Moves files from a container to their place on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::creator::Creator;
use crate::engines::docker::NAME;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};

/// A temporary directory next to the target, on the same file system.
///
/// `archive::unpack` creates it: if that is dropped, its thread removes the directory after the
/// last write. A directory created here could be removed before a late write, and then appear
/// again.
#[derive(Debug)]
pub(crate) struct Staging {
    path: PathBuf,
    creator: Creator,
}

impl Staging {
    /// Chooses the path of the directory. Nothing is created yet.
    pub(crate) fn beside(target: &Path) -> Self {
        let parent = target.parent().unwrap_or(Path::new(""));
        Self {
            path: parent.join(format!(".isolation-copy-{}", random_hex())),
            creator: Creator::this_process(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the single entry to the target: a file replaces a file, a directory is merged into a
    /// directory.
    pub(crate) async fn move_to(self, target: PathBuf) -> Result<()> {
        blocking(move || match only_entry(&self.path)? {
            // If the target is a link to a directory, the files go into that directory.
            Some(entry) => {
                let real = target.canonicalize().ok().filter(|real| real.is_dir());
                match real {
                    // The target keeps its permissions: it may be a directory of many programs.
                    Some(real) if is_directory(&entry)? => put_all(&entry, &real),
                    real => put(&entry, &real.unwrap_or(target)),
                }
            }
            None => Err(Error::not_found("the daemon sent an archive without files")),
        })
        .await
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.creator.is_this_process() {
            // Its name is unique, so a directory that cannot be removed does not affect later
            // copies.
            let _ = remove_tree(&self.path);
        }
    }
}

/// Runs blocking work on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(Error::engine(NAME, ended)),
    }
}

fn only_entry(directory: &Path) -> Result<Option<PathBuf>> {
    let unreadable = |error| Error::io("list", directory, error);
    let entry = fs::read_dir(directory).map_err(unreadable)?.next();
    let entry = entry.transpose().map_err(unreadable)?;
    Ok(entry.map(|entry| entry.path()))
}

fn put(from: &Path, to: &Path) -> Result<()> {
    let source = from.symlink_metadata().map_err(|e| Error::io("read", from, e))?;
    match to.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => rename(from, to),
        Err(error) => Err(Error::io("inspect", to, error)),
        Ok(there) if there.is_dir() && source.is_dir() => merge(from, &source, to),
        // A link inside the target could lead to any place, so it is replaced and never followed.
        Ok(there) if there.is_symlink() => {
            fs::remove_file(to).map_err(|e| Error::io("replace", to, e))?;
            rename(from, to)
        }
        Ok(there) if there.is_dir() || source.is_dir() => {
            let to = to.display();
            let why = format!(
                "cannot replace the directory {to} with a file (or a file with a directory); \
                 give the full target path"
            );
            Err(Error::invalid(why))
        }
        Ok(there) if !there.is_file() => Err(Error::invalid(format!(
            "cannot replace {}: it is a socket, a pipe or a device",
            to.display()
        ))),
        Ok(_) => rename(from, to),
    }
}

/// Removes a directory whose contents may be read-only.
#[cfg(unix)]
use super::remove_tree::remove_tree;

#[cfg(not(unix))]
use fs::remove_dir_all as remove_tree;

fn is_directory(path: &Path) -> Result<bool> {
    let meta = path.symlink_metadata();
    meta.map(|meta| meta.is_dir())
        .map_err(|e| Error::io("read", path, e))
}

fn put_all(from: &Path, to: &Path) -> Result<()> {
    let unreadable = |error| Error::io("list", from, error);
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        put(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn merge(from: &Path, source: &fs::Metadata, to: &Path) -> Result<()> {
    put_all(from, to)?;
    // The permissions are set last: no file can be created in a read-only directory.
    fs::set_permissions(to, source.permissions()).map_err(|e| Error::io("set the permissions of", to, e))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    let moved = match read_only_directory(from) {
        Some(permissions) => move_read_only(from, to, permissions),
        None => fs::rename(from, to),
    };
    moved.map_err(|e| Error::io("write", to, e))
}

fn read_only_directory(path: &Path) -> Option<fs::Permissions> {
    let meta = path.symlink_metadata().ok()?;
    (meta.is_dir() && meta.permissions().readonly()).then(|| meta.permissions())
}

/// Moves a directory that is not writable. Moving changes its entry `..`, which needs write
/// permission.
fn move_read_only(from: &Path, to: &Path, permissions: fs::Permissions) -> io::Result<()> {
    let mut writable = permissions.clone();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "temporarily, in a directory of this module"
    )]
    writable.set_readonly(false);
    fs::set_permissions(from, writable)?;
    fs::rename(from, to)?;
    fs::set_permissions(to, permissions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[tokio::test]
    async fn file_replaces_file_and_directories_merge() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("made/on/the/way");
        for (name, content) in [("a", "1"), ("b", "2"), ("a", "3")] {
            let staging = Staging::beside(&target);
            fs::create_dir_all(staging.path()).unwrap();
            fs::create_dir_all(staging.path().join("top/deep")).unwrap();
            fs::write(staging.path().join("top/deep").join(name), content).unwrap();
            staging.move_to(target.clone()).await.unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let staging = Staging::beside(&target);
            fs::create_dir_all(staging.path().join("top/deep")).unwrap();
            for name in ["top", "top/deep"] {
                let closed = fs::Permissions::from_mode(0o700);
                fs::set_permissions(staging.path().join(name), closed).unwrap();
            }
            fs::set_permissions(&target, fs::Permissions::from_mode(0o1777)).unwrap();
            staging.move_to(target.clone()).await.unwrap();
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!((mode(&target), mode(&target.join("deep"))), (0o1777, 0o700));
        }
        assert_eq!(fs::read(target.join("deep/a")).unwrap(), b"3");
        assert_eq!(fs::read(target.join("deep/b")).unwrap(), b"2");
        let beside = fs::read_dir(target.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "the staging directory is gone");
    }

    #[tokio::test]
    async fn file_and_directory_do_not_replace_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        fs::create_dir(&target).unwrap();
        let staging = Staging::beside(&target);
        fs::create_dir_all(staging.path()).unwrap();
        fs::write(staging.path().join("file"), "x").unwrap();
        let error = staging.move_to(target.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        fs::remove_dir(&target).unwrap();
        fs::write(&target, "x").unwrap();
        let staging = Staging::beside(&target);
        fs::create_dir_all(staging.path()).unwrap();
        fs::create_dir(staging.path().join("directory")).unwrap();
        assert_eq!(
            staging.move_to(target).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }

    /// An ordinary user cannot empty a read-only directory, so the staging directory was not
    /// removed.
    #[cfg(unix)]
    #[test]
    fn dropped_staging_that_is_read_only_is_removed() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let staging = Staging::beside(&directory.path().join("to"));
        let inner = staging.path().join("read-only");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).unwrap();
        drop(staging);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn pipe_at_the_target_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &target, mode).unwrap();
        let staging = Staging::beside(&target);
        fs::create_dir(staging.path()).unwrap();
        fs::write(staging.path().join("file"), "x").unwrap();
        let error = staging.move_to(target.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!target.symlink_metadata().unwrap().is_file());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn link_in_the_target_is_replaced_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("to")).unwrap();
        fs::write(at("secret"), "old").unwrap();
        std::os::unix::fs::symlink(at("secret"), at("to/file")).unwrap();
        let staging = Staging::beside(&at("to"));
        fs::create_dir_all(staging.path()).unwrap();
        fs::create_dir(staging.path().join("top")).unwrap();
        fs::write(staging.path().join("top/file"), "new").unwrap();
        staging.move_to(at("to")).await.unwrap();
        assert_eq!(fs::read(at("secret")).unwrap(), b"old");
        assert_eq!(fs::read(at("to/file")).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn read_only_directory_is_moved_with_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.symlink_metadata().unwrap().permissions().mode() & 0o777;
        let base = tempfile::tempdir().unwrap();
        let [from, new, old] = ["from", "new", "old"].map(|name| base.path().join(name));
        for target in [&new, &old] {
            fs::create_dir_all(from.join("inner")).unwrap();
            fs::write(from.join("inner/file"), "content").unwrap();
            for path in [from.join("inner"), from.clone()] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
            }
            if target == &old {
                // It exists: the two are merged.
                fs::create_dir(target).unwrap();
                fs::write(target.join("other"), "stays").unwrap();
            }
            put(&from, target).unwrap();
            assert_eq!(fs::read(target.join("inner/file")).unwrap(), b"content");
            assert_eq!((mode(target), mode(&target.join("inner"))), (0o555, 0o555));
            let _ = remove_tree(&from);
        }
        assert_eq!(fs::read(old.join("other")).unwrap(), b"stays");
        remove_tree(&new).unwrap();
        remove_tree(&old).unwrap();
    }

    #[test]
    fn target_below_a_file_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "file").unwrap();
        let error = put(&file, &file.join("below")).unwrap_err().to_string();
        assert!(
            error.contains("cannot inspect") && error.contains("below"),
            "{error}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"file");
    }

    #[tokio::test]
    async fn archive_without_files_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        let staging = Staging::beside(&target);
        fs::create_dir_all(staging.path()).unwrap();
        let error = staging.move_to(target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("an archive without files"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
