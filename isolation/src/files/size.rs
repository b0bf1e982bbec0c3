//! The size of a tree of files on its disk.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Dev, FileType};

use super::copy::Stop;
use super::dir::{Dir, Kind};
use crate::error::{Error, Result};

/// The maximum number of open directories, one for each level. A deeper directory is opened again
/// from the top.
const DEEPEST: usize = 64;

/// The size of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// The bytes that are allocated for its files.
    pub(crate) bytes: u64,
    /// Whether everything was counted. A directory is not counted if this user may not read it.
    pub(crate) is_complete: bool,
}

/// Counts the bytes that are allocated for a directory and the files in it. No link is followed,
/// other file systems are not counted, and a file with several names counts once. This blocks.
///
/// # Errors
///
/// If the directory does not exist or cannot be read, or if the work was cancelled.
pub(crate) fn of_tree(top: &Path, stop: &Stop) -> Result<Size> {
    let opened = Dir::open(top).map_err(|e| Error::io("open the directory", top, e))?;
    let stat = rustix::fs::fstat(opened.as_file());
    let stat = stat.map_err(|e| Error::io("inspect", top, e.into()))?;
    let mut count = Count {
        stop,
        device: stat.st_dev,
        linked: HashSet::new(),
        deeper: Vec::new(),
        size: Size {
            bytes: bytes(stat.st_blocks),
            is_complete: true,
        },
    };
    count.directory(&opened, 0)?;
    while let Some(deeper) = count.deeper.pop() {
        count.below(&opened, &deeper)?;
    }
    Ok(count.size)
}

struct Count<'a> {
    stop: &'a Stop,
    device: Dev,
    /// The inodes of files with several names.
    linked: HashSet<u64>,
    /// The paths of directories that are not counted yet, because too many are open.
    deeper: Vec<PathBuf>,
    size: Size,
}

impl Count<'_> {
    fn directory(&mut self, directory: &Dir, depth: usize) -> Result<()> {
        let names = match directory.names() {
            // It may be opened, and not searched.
            Err(error) if depth > 0 && error.kind() == io::ErrorKind::PermissionDenied => {
                self.size.is_complete = false;
                return Ok(());
            }
            names => names.map_err(|e| Error::io("list", directory.path(), e))?,
        };
        for name in names {
            self.stop.check()?;
            let failed = |what, error| Error::io(what, &directory.path_of(&name), error);
            let stat = match directory.stat(&name) {
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.size.is_complete = false;
                    continue;
                }
                Err(error) => return Err(failed("inspect", error)),
            };
            // It was removed meanwhile, or something is mounted there.
            let Some(stat) = stat.filter(|stat| stat.st_dev == self.device) else {
                continue;
            };
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_directory && stat.st_nlink > 1 && !self.linked.insert(stat.st_ino) {
                continue;
            }
            self.size.bytes += bytes(stat.st_blocks);
            if !is_directory {
                continue;
            }
            match depth {
                DEEPEST => self.deeper.push(directory.path_of(&name)),
                _ => {
                    if let Some(inner) = self.open(directory, &name)? {
                        self.directory(&inner, depth + 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts a directory far below the top.
    fn below(&mut self, top: &Dir, path: &Path) -> Result<()> {
        let mut place = None;
        for name in path.strip_prefix(top.path()).unwrap_or(path) {
            self.stop.check()?;
            let inner = self.open(place.as_ref().unwrap_or(top), name)?;
            let Some(inner) = inner else { return Ok(()) };
            place = Some(inner);
        }
        let place = place.as_ref().unwrap_or(top);
        let stat = rustix::fs::fstat(place.as_file());
        match stat.map_err(|e| Error::io("inspect", path, e.into()))?.st_dev == self.device {
            true => self.directory(place, 0),
            // Another directory has its name now.
            false => Ok(()),
        }
    }

    /// Opens a directory; `None` if it was removed or replaced meanwhile, or this user may not.
    fn open(&mut self, directory: &Dir, name: &OsStr) -> Result<Option<Dir>> {
        match directory.directory(name) {
            Ok(inner) => Ok(Some(inner)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.size.is_complete = false;
                Ok(None)
            }
            Err(_) if !matches!(directory.kind(name), Ok(Some(Kind::Directory))) => Ok(None),
            Err(error) => Err(Error::io("open the directory", &directory.path_of(name), error)),
        }
    }
}

/// The unit of the number of blocks is the same for all file systems.
fn bytes(blocks: i64) -> u64 {
    u64::try_from(blocks).unwrap_or(0) * 512
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::copy::StopOnDrop;
    use super::*;

    const MEBIBYTE: u64 = 1 << 20;

    fn write(path: &Path) {
        let file: Vec<u8> = (0..MEBIBYTE).map(|at| (at * at / 251 % 253) as u8).collect();
        fs::write(path, file).unwrap();
    }

    fn mebibytes(path: &Path) -> u64 {
        of_tree(path, &Stop::default()).unwrap().bytes / MEBIBYTE
    }

    #[test]
    fn file_counts_once_and_a_link_does_not_lead_out() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("tree/inner")).unwrap();
        write(&at("outside"));
        write(&at("tree/inner/file"));
        assert_eq!(mebibytes(&at("tree")), 1);
        fs::hard_link(at("tree/inner/file"), at("tree/again")).unwrap();
        symlink(directory.path(), at("tree/link")).unwrap();
        symlink(at("outside"), at("tree/inner/link")).unwrap();
        // It has a size, and no content.
        File::create(at("tree/sparse")).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(mebibytes(&at("tree")), 1);
        assert_eq!(mebibytes(directory.path()), 2);
        let error = of_tree(&at("missing"), &Stop::default()).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }

    #[test]
    fn closed_directories_are_reported() {
        let directory = tempfile::tempdir().unwrap();
        let closed = directory.path().join("closed");
        fs::create_dir(&closed).unwrap();
        write(&closed.join("file"));
        let stop = Stop::default();
        assert!(of_tree(directory.path(), &stop).unwrap().is_complete);
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        let size = of_tree(directory.path(), &stop).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        let may_read = rustix::process::geteuid().is_root();
        assert_eq!((size.is_complete, size.bytes >= MEBIBYTE), (may_read, may_read));
    }

    #[test]
    fn deep_directories_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        for levels in [DEEPEST, DEEPEST + 1, DEEPEST + 2, 3 * DEEPEST] {
            let deep = directory.path().join("d/".repeat(levels));
            fs::create_dir_all(&deep).unwrap();
            write(&deep.join("file"));
        }
        let size = of_tree(directory.path(), &Stop::default()).unwrap();
        assert_eq!((size.is_complete, size.bytes / MEBIBYTE), (true, 4));
    }

    #[test]
    fn deep_directory_that_is_gone_is_not_counted() {
        let directory = tempfile::tempdir().unwrap();
        let top = Dir::open(directory.path()).unwrap();
        let stop = Stop::default();
        let mut count = Count {
            stop: &stop,
            device: rustix::fs::fstat(top.as_file()).unwrap().st_dev,
            linked: HashSet::new(),
            deeper: Vec::new(),
            size: Size {
                bytes: 0,
                is_complete: true,
            },
        };
        count.below(&top, &top.path().join("a/b")).unwrap();
        symlink("/", directory.path().join("link")).unwrap();
        count.below(&top, &top.path().join("link/etc")).unwrap();
        fs::create_dir(directory.path().join("other")).unwrap();
        count.device += 1;
        count.below(&top, &top.path().join("other")).unwrap();
        assert_eq!((count.size.bytes, count.size.is_complete), (0, true));
    }

    #[test]
    fn cancelled_count_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        File::create(directory.path().join("file")).unwrap();
        let stop = Stop::default();
        drop(StopOnDrop(stop.clone()));
        assert!(of_tree(directory.path(), &stop).is_err());
    }

    /// Without the rights of root over the files of others and its own.
    #[cfg(target_os = "linux")]
    fn as_ordinary_user<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

        // The thread ends with the rights that it has given up.
        let thread = || {
            let mut all = capabilities(None).unwrap();
            let over_files = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            all.effective.remove(over_files);
            set_capabilities(None, all).unwrap();
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join().unwrap())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn directory_that_may_not_be_searched_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o000, 0o400] {
            let closed = directory.path().join(format!("{mode}"));
            fs::create_dir(&closed).unwrap();
            write(&closed.join("file"));
            fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
            let size = as_ordinary_user(|| of_tree(directory.path(), &Stop::default()).unwrap());
            fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
            assert_eq!(
                (size.is_complete, size.bytes >= MEBIBYTE),
                (false, false),
                "{mode:o}"
            );
            fs::remove_dir_all(&closed).unwrap();
        }
    }

    /// Something is mounted there.
    #[cfg(target_os = "linux")]
    #[test]
    fn other_file_systems_are_not_counted() {
        let (devices, shared) = (Path::new("/dev"), Path::new("/dev/shm"));
        let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
        if device(shared).is_none_or(|other| Some(other) == device(devices)) {
            return;
        }
        let Ok(directory) = tempfile::tempdir_in(shared) else {
            return;
        };
        for number in 0..8 {
            write(&directory.path().join(number.to_string()));
        }
        assert_eq!(mebibytes(directory.path()), 8);
        assert!(mebibytes(devices) < 8);
    }
}
