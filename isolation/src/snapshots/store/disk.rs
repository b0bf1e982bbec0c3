//! The file operations of the store, so that a test can let each of them fail.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The actions of the store on the disk.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Creates a private file that does not exist.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    /// Writes all bytes.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Waits until a file or directory is on the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Gives a file its final name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The disk of this machine.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {}

/// The message about another object in the place of a file.
pub(super) const NO_FILE: &str = "it is no file";

/// Opens a file of the store to read it; `None` if there is a link, a pipe or another object, which
/// is not followed or waited for.
pub(super) fn open_file(path: &Path) -> io::Result<Option<File>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    // The flags have few bits.
    let options = options.read(true).custom_flags(flags.bits() as i32);
    match options.open(path) {
        Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) => Ok(None),
        opened => {
            let file = opened?;
            Ok(file.metadata()?.is_file().then_some(file))
        }
    }
}

/// Puts a complete temporary file in its place: a reader finds all of it or nothing, also after a
/// power failure.
pub(super) fn publish(disk: &dyn Disk, file: &File, from: &Path, to: &Path) -> io::Result<()> {
    disk.sync(file)?;
    disk.rename(from, to)?;
    sync_directory(disk, to)
}

/// Waits until the entry of a file in its directory is on the disk.
pub(crate) fn sync_directory(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        parent => parent.unwrap_or(Path::new("/")),
    };
    disk.sync(&File::open(directory)?)
}

/// Creates a private directory with those above it, unless it exists. Their entries are on the disk
/// then.
pub(super) fn make_directory(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|path| path.symlink_metadata().is_err())
        .collect();
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(path)?;
    missing.iter().try_for_each(|made| sync_directory(disk, made))
}
