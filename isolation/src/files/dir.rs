//! An open directory.
//!
//! Names are looked up in it without following symbolic links. A process that replaces a directory
//! by a link cannot lead an operation elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RawMode, Stat, Uid};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir {
    file: File,
    path: PathBuf,
    /// The owner of new entries, if not this user.
    owner: Option<Owner>,
}

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// The type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Link,
    /// A pipe, a socket or a device.
    Special,
}

impl Dir {
    /// Opens a directory; links in the path are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty())?.into();
        let path = path.to_owned();
        Ok(Self {
            file,
            path,
            owner: None,
        })
    }

    /// Another handle of the root of an environment. Messages show it as `/`. Files that are
    /// created in it belong to this owner.
    pub(crate) fn open_root(path: &Path, owner: Option<Owner>) -> io::Result<Self> {
        Ok(Self {
            path: "/".into(),
            owner,
            ..Self::open(path)?
        })
    }

    /// Another handle of this directory.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            path: self.path.clone(),
            owner: self.owner,
        })
    }

    /// Opens a directory in this one.
    pub(crate) fn directory(&self, name: &OsStr) -> io::Result<Self> {
        let file = self.open_entry(name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let path = self.path_of(name);
        let owner = self.owner;
        Ok(Self { file, path, owner })
    }

    /// Opens a directory in this one, and creates it if the name does not exist.
    pub(crate) fn make_directory(&self, name: &OsStr) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.file, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => {
                let made = self.directory(name)?;
                self.give(&made.file)?;
                Ok(made)
            }
            Err(rustix::io::Errno::EXIST) => self.directory(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a new file to the owner.
    fn give(&self, file: &File) -> io::Result<()> {
        match self.owner {
            Some(owner) => Ok(rustix::fs::fchown(file, owner.uid(), owner.gid())?),
            None => Ok(()),
        }
    }

    /// Opens a file for reading. A pipe does not block.
    pub(crate) fn file(&self, name: &OsStr) -> io::Result<File> {
        self.open_entry(name, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Creates a private file for writing; fails if the name exists.
    pub(crate) fn create_file(&self, name: &OsStr) -> io::Result<File> {
        self.create_file_with(name, 0o600)
    }

    /// The same with other permissions, of which the system may take some away.
    pub(crate) fn create_file_with(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = self.open_with(name, flags, Mode::from_raw_mode(mode as RawMode))?;
        self.give(&file)?;
        Ok(file)
    }

    fn open_entry(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        self.open_with(name, flags, Mode::empty())
    }

    fn open_with(&self, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.file, name, flags, mode)?.into())
    }

    /// The type of an entry; `None` if it does not exist.
    pub(crate) fn kind(&self, name: &OsStr) -> io::Result<Option<Kind>> {
        let stat = self.stat(name)?;
        Ok(stat.map(|stat| Kind::of(FileType::from_raw_mode(stat.st_mode))))
    }

    /// The status of an entry; `None` if it does not exist.
    pub(crate) fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all entries.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = self.entries()?;
        Ok(entries.into_iter().map(|(name, _)| name).collect())
    }

    /// All entries; some file systems do not list the types.
    pub(crate) fn entries(&self) -> io::Result<Vec<(OsString, Option<Kind>)>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.file)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                let kind = match entry.file_type() {
                    FileType::Unknown => None,
                    known => Some(Kind::of(known)),
                };
                entries.push((name.to_owned(), kind));
            }
        }
        Ok(entries)
    }

    /// Renames an entry, and replaces an existing file or link.
    pub(crate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.file, name, &to.file, new)?)
    }

    /// Removes a file, link, pipe, socket or device.
    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.file, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.file, name, AtFlags::REMOVEDIR)?)
    }

    /// The target of a link.
    pub(crate) fn link_target(&self, name: &OsStr) -> io::Result<OsString> {
        let target = rustix::fs::readlinkat(&self.file, name, Vec::new())?;
        Ok(OsStr::from_bytes(target.to_bytes()).to_owned())
    }

    /// Creates a link.
    pub(crate) fn make_link(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        rustix::fs::symlinkat(target, &self.file, name)?;
        if let Some(owner) = self.owner {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(&self.file, name, owner.uid(), owner.gid(), flags)?;
        }
        Ok(())
    }

    /// Makes a directory in this one accessible for its owner.
    pub(crate) fn make_accessible(&self, name: &OsStr) -> io::Result<()> {
        let mode = Mode::from_raw_mode(0o700);
        Ok(rustix::fs::chmodat(&self.file, name, mode, AtFlags::empty())?)
    }

    /// The metadata of this directory.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Sets the permissions of this directory.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(mode))
    }

    /// This directory as a file.
    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }

    /// The path of an entry, for messages.
    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// The path of this directory, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Link,
            _ => Self::Special,
        }
    }
}

impl Owner {
    pub(crate) fn uid(self) -> Option<Uid> {
        Some(Uid::from_raw(self.user))
    }

    pub(crate) fn gid(self) -> Option<Gid> {
        Some(Gid::from_raw(self.group))
    }
}

/// Gives a copied file the permissions and the time of the original.
pub(super) fn set_attributes(file: &File, metadata: &Metadata) -> io::Result<()> {
    file.set_permissions(metadata.permissions())?;
    file.set_times(FileTimes::new().set_modified(metadata.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_too_long_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let open = Dir::open(directory.path()).unwrap();
        let long = OsString::from("n".repeat(300));
        for error in [
            open.make_directory(&long).unwrap_err(),
            open.kind(&long).unwrap_err(),
        ] {
            assert_eq!(
                error.raw_os_error(),
                Some(rustix::io::Errno::NAMETOOLONG.raw_os_error())
            );
        }
        assert_eq!(open.names().unwrap(), [""; 0]);
    }

    #[test]
    fn link_belongs_to_the_owner_of_the_root() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        // Root can give it to another user.
        let user = match rustix::process::geteuid().as_raw() {
            0 => 1234,
            user => user,
        };
        let group = rustix::process::getegid().as_raw();
        let owner = Owner { user, group };
        let root = Dir::open_root(directory.path(), Some(owner)).unwrap();
        root.make_link(OsStr::new("link"), OsStr::new("target")).unwrap();
        let link = directory.path().join("link").symlink_metadata().unwrap();
        assert_eq!((link.uid(), link.gid()), (user, group));
        assert_eq!(root.link_target(OsStr::new("link")).unwrap(), "target");
    }
}
