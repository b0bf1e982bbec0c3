//! Removes a directory with its contents, except mounts in it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::dir::{Dir, Kind};
use crate::environment::id::random_hex;

/// The maximum number of open directories. Deeper directories are moved up first.
const DEEPEST: usize = 128;

/// Removes a directory with its contents; does nothing if it does not exist. It removes as much as
/// possible, and returns the first error.
///
/// No symbolic link is followed. A directory on which something is mounted is an error, also if it
/// was mounted during the removal: its contents do not belong to the tree. The owner's permissions
/// are added to directories without them.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = Dir::open(path.parent().unwrap_or(Path::new("/")))?;
    match parent.kind(name)? {
        None => return Ok(()),
        Some(Kind::Directory) => {}
        Some(_) => return parent.remove_file(name),
    }
    let top = parent
        .directory(name)
        .or_else(|error| accessible(&parent, name, error))?;
    let mut removal = Removal {
        mount: Mount::of(&parent)?,
        moved: VecDeque::new(),
        first: None,
    };
    removal.check_mount(&top)?;
    removal.empty(&top, &top, 0);
    while let Some(name) = removal.moved.pop_front() {
        removal.remove(&top, &top, &name, 0);
    }
    match removal.first {
        Some(error) => Err(error),
        None => parent.remove_directory(name),
    }
}

struct Removal {
    /// The mount that contains the tree.
    mount: Mount,
    /// Directories that were moved from a deep level to the top.
    moved: VecDeque<OsString>,
    first: Option<io::Error>,
}

impl Removal {
    /// Removes everything in a directory, which is at or below `top`.
    fn empty(&mut self, top: &Dir, directory: &Dir, depth: usize) {
        match open_up(directory).and_then(|()| directory.names()) {
            Ok(names) => names
                .iter()
                .for_each(|name| self.remove(top, directory, name, depth)),
            Err(error) => self.failed(error),
        }
    }

    fn remove(&mut self, top: &Dir, directory: &Dir, name: &OsStr, depth: usize) {
        if let Err(error) = self.try_remove(top, directory, name, depth) {
            let path = directory.path_of(name);
            let text = format!("{}: {error}", path.display());
            self.failed(io::Error::new(error.kind(), text));
        }
    }

    fn try_remove(&mut self, top: &Dir, directory: &Dir, name: &OsStr, depth: usize) -> io::Result<()> {
        match directory.kind(name)? {
            None => return Ok(()),
            Some(Kind::Directory) => {}
            Some(_) => return directory.remove_file(name),
        }
        let child = directory
            .directory(name)
            .or_else(|error| accessible(directory, name, error))?;
        self.check_mount(&child)?;
        if depth == DEEPEST {
            open_up(&child)?;
            let new = OsString::from(format!(".removed-{}", random_hex()));
            directory.rename(name, top, &new)?;
            self.moved.push_back(new);
            return Ok(());
        }
        self.empty(top, &child, depth + 1);
        // If it is not empty, an earlier error is the first one.
        directory.remove_directory(name)
    }

    fn check_mount(&self, directory: &Dir) -> io::Result<()> {
        match Mount::of(directory)? == self.mount {
            true => Ok(()),
            false => Err(io::Error::other("something is mounted there")),
        }
    }

    fn failed(&mut self, error: io::Error) {
        self.first.get_or_insert(error);
    }
}

/// Opens a directory without read permission for its owner.
fn accessible(parent: &Dir, name: &OsStr, error: io::Error) -> io::Result<Dir> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            parent.make_accessible(name)?;
            parent.directory(name)
        }
        _ => Err(error),
    }
}

/// Makes a directory writable for its owner. Caches of modules contain read-only directories.
fn open_up(directory: &Dir) -> io::Result<()> {
    match directory.metadata()?.permissions().mode() & 0o700 {
        0o700 => Ok(()),
        _ => directory.set_mode(0o700),
    }
}

/// The identity of a mount.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: u64,
    /// A bind mount of the same file system has the same device. Linux has a number for it.
    number: Option<String>,
}

impl Mount {
    fn of(directory: &Dir) -> io::Result<Self> {
        Ok(Self {
            device: directory.metadata()?.dev(),
            number: number(directory),
        })
    }
}

#[cfg(target_os = "linux")]
fn number(directory: &Dir) -> Option<String> {
    use std::os::fd::AsRawFd;
    let file = format!("/proc/self/fdinfo/{}", directory.as_file().as_raw_fd());
    let text = std::fs::read_to_string(file).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    Some(number.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn number(_: &Dir) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    /// A command of the environment can mount between the check of the mounts and the removal.
    #[cfg(target_os = "linux")]
    #[test]
    fn mount_in_the_tree_is_an_error_and_keeps_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["precious", "tree/a/mount"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at("precious/file"), "x").unwrap();
        fs::write(at("tree/a/other"), "x").unwrap();
        let mount = |arguments: &[&Path]| {
            let mut command = std::process::Command::new("mount");
            command
                .arg("--bind")
                .args(arguments)
                .output()
                .is_ok_and(|output| output.status.success())
        };
        if !mount(&[&at("precious"), &at("tree/a/mount")]) {
            return; // only root can mount
        }
        let removed = remove_tree(&at("tree"));
        let unmounted = rustix::mount::unmount(at("tree/a/mount"), rustix::mount::UnmountFlags::empty());
        let error = removed.unwrap_err().to_string();
        assert!(error.contains("a/mount: something is mounted"), "{error}");
        assert!(at("precious/file").exists() && !at("tree/a/other").exists());
        unmounted.unwrap();
        remove_tree(&at("tree")).unwrap();
    }

    #[test]
    fn locked_and_deep_trees_are_removed_and_links_kept() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("tree/locked/inner")).unwrap();
        fs::write(at("tree/locked/inner/file"), "x").unwrap();
        for name in ["tree/locked/inner", "tree/locked"] {
            fs::set_permissions(at(name), Permissions::from_mode(0o000)).unwrap();
        }
        fs::create_dir_all(at("kept")).unwrap();
        fs::write(at("kept/file"), "x").unwrap();
        symlink(at("kept"), at("tree/link")).unwrap();
        let deep = "d/".repeat(3 * DEEPEST);
        fs::create_dir_all(at("tree").join(deep)).unwrap();
        remove_tree(&at("tree")).unwrap();
        remove_tree(&at("tree")).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(at("kept/file").exists());
        symlink(at("kept"), at("tree")).unwrap();
        remove_tree(&at("tree")).unwrap();
        assert!(at("kept/file").exists());
    }
}
