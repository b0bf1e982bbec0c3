//! Creates the files of a part in a directory of this machine.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::copy_content::copy_content;
use super::entry::{Entry, EntryKind};
use super::holes::WithHoles;
use super::owners::Owners;
use super::part_reader::PartReader;
use super::progress::Reporter;
use super::xattrs;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;

impl PartReader {
    /// Creates the files in an empty directory to which only this user can write. Owners other than
    /// this user need root; without it, the number of entries that belong to this user instead is
    /// returned. This blocks.
    pub fn write_directory(&self, directory: &Path) -> Result<u64> {
        let written = self.write_directory_as(directory, Owners::Same, &Stop::default());
        written.map(|differing| differing.owners)
    }

    /// Also for an environment with users of its own, which gets no devices.
    pub(crate) fn write_directory_as(
        &self,
        directory: &Path,
        owners: Owners,
        stop: &Stop,
    ) -> Result<Differing> {
        let mut entries = self.entries()?;
        let mut progress = self.reporter();
        let mut differing = Differing::default();
        let me = Me::with(owners);
        if owners != Owners::Same {
            let all = entries.len();
            entries.retain(|entry| !is_device(entry));
            differing.devices = (all - entries.len()) as u64;
        }
        for entry in &entries {
            stop.check()?;
            let path = entry.path.below(directory);
            if let EntryKind::HardLink { target } = &entry.kind {
                let first = target.below(directory);
                let linked = another_name(entry, &first, &path, &me, |first, path| {
                    fs::hard_link(first, path)
                });
                let linked = linked.map_err(|e| Error::io("create", &path, e))?;
                differing.links += u64::from(!linked);
            } else {
                self.create(entry, &path, &mut progress)?;
            }
            if !me.can_give(entry) {
                differing.owners += 1;
            }
            if entry.kind != EntryKind::Directory && !matches!(entry.kind, EntryKind::HardLink { .. }) {
                set_attributes(entry, &path, &me)
                    .map_err(|e| Error::io("set the attributes of", &path, e))?;
            }
            progress.entry();
        }
        // Last, from the inside: no file can be created in a read-only directory, and each one
        // changes its time.
        for entry in entries
            .iter()
            .rev()
            .filter(|entry| entry.kind == EntryKind::Directory)
        {
            let path = entry.path.below(directory);
            set_attributes(entry, &path, &me).map_err(|e| Error::io("set the attributes of", &path, e))?;
        }
        progress.end();
        Ok(differing)
    }

    fn create(&self, entry: &Entry, path: &Path, progress: &mut Reporter) -> Result<()> {
        let failed = |error: io::Error| Error::io("create", path, error);
        match &entry.kind {
            EntryKind::Directory if entry.path.is_root() => Ok(()),
            EntryKind::Directory => DirBuilder::new().mode(0o700).create(path).map_err(failed),
            EntryKind::File { .. } => {
                let mut options = OpenOptions::new();
                let options = options.write(true).create_new(true).mode(0o600);
                let mut file = options.open(path).map_err(failed)?;
                let mut writer = WithHoles::new(&mut file);
                self.copy_with(entry, &mut writer, |bytes| progress.bytes(bytes))?;
                writer.finish().map_err(failed)
            }
            EntryKind::Link { target } => {
                use std::os::unix::ffi::OsStrExt;
                let target = std::ffi::OsStr::from_bytes(target.as_slice());
                symlink(target, path).map_err(|e| not_created("symbolic links", path, e))
            }
            _ if is_device(entry) => {
                let why = format!("{} is a device, which is not created on this machine", entry.path);
                Err(Error::new(ErrorKind::Unsupported, why))
            }
            special => make_special(special, path).map_err(|e| not_created("pipes", path, e)),
        }
    }
}

/// Gives a file another name: `true`. On a file system without such names, as those of memory
/// cards, this is a copy of the file instead: `false`.
fn another_name(
    entry: &Entry,
    first: &Path,
    path: &Path,
    me: &Me,
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<bool> {
    match link(first, path) {
        Ok(()) => return Ok(true),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(error),
    }
    let from = File::open(first)?;
    let mut entry = entry.clone();
    entry.xattrs = xattrs::read(&from)?;
    let mut options = OpenOptions::new();
    let mut to = options.write(true).create_new(true).mode(0o600).open(path)?;
    copy_content(&from, from.metadata()?.len(), &mut to)?;
    set_attributes_of(&entry, &to, me)?;
    Ok(false)
}

/// Whether the file system does not have what was to be created.
fn is_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let missing = [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP];
    Errno::from_io_error(error).is_some_and(|number| missing.contains(&number))
}

/// The error of an entry that was not created; `what` is its kind.
pub(crate) fn not_created(what: &str, path: &Path, error: io::Error) -> Error {
    if !is_missing(&error) {
        return Error::io("create", path, error);
    }
    let why = format!(
        "the file system of {} has no {what} ({error}); set TMPDIR to a directory of another one",
        path.display()
    );
    Error::new(ErrorKind::Unsupported, why)
}

/// The number of entries that are not as in the snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Differing {
    /// The number of entries that belong to somebody else.
    pub(crate) owners: u64,
    /// The number of devices that were left out.
    pub(crate) devices: u64,
    /// The number of other names of files that are copies of them.
    pub(crate) links: u64,
}

impl Differing {
    /// A note for the owner of the environment about names of files.
    pub(crate) fn about_links(self) -> Option<String> {
        let what = match self.links {
            0 => return None,
            1 => "one name of a file is a copy of it".to_owned(),
            more => format!("{more} names of files are copies of them"),
        };
        Some(format!("{what}, because the file system has no hard links"))
    }
}

fn is_device(entry: &Entry) -> bool {
    matches!(
        entry.kind,
        EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. }
    )
}

/// Creates a pipe or a device.
pub(super) fn make_special(kind: &EntryKind, path: &Path) -> io::Result<()> {
    use rustix::fs::FileType::{BlockDevice, CharacterDevice, Fifo};
    match kind {
        EntryKind::CharDevice { major, minor } => {
            make_node(path, CharacterDevice, rustix::fs::makedev(*major, *minor))
        }
        EntryKind::BlockDevice { major, minor } => {
            make_node(path, BlockDevice, rustix::fs::makedev(*major, *minor))
        }
        _ => make_node(path, Fifo, 0),
    }
}

#[cfg(not(target_vendor = "apple"))]
fn make_node(path: &Path, kind: rustix::fs::FileType, device: u64) -> io::Result<()> {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    Ok(rustix::fs::mknodat(CWD, path, kind, mode, device)?)
}

/// macOS has no call for it in the library.
#[cfg(target_vendor = "apple")]
fn make_node(_: &Path, _: rustix::fs::FileType, _: rustix::fs::Dev) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// The user and the group of this process, and the users to whom it gives files.
pub(super) struct Me {
    uid: u64,
    gid: u64,
    owners: Owners,
}

impl Me {
    pub(super) fn now() -> Self {
        Self::with(Owners::Same)
    }

    fn with(owners: Owners) -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw().into(),
            gid: rustix::process::getegid().as_raw().into(),
            owners,
        }
    }

    /// Whether this process can give a file to its owner.
    fn can_give(&self, entry: &Entry) -> bool {
        match self.owners {
            Owners::Same => self.uid == 0 || (entry.uid, entry.gid) == (self.uid, self.gid),
            Owners::Range { .. } => [entry.uid, entry.gid]
                .iter()
                .all(|id| self.owners.outside(*id).is_some()),
            Owners::Caller | Owners::Mapped { .. } => (entry.uid, entry.gid) == (0, 0),
        }
    }

    /// The permissions of an entry here. Without its owner, a program would run as this user
    /// instead.
    fn mode(&self, entry: &Entry) -> u32 {
        match self.can_give(entry) {
            true => entry.mode,
            false => entry.mode & !0o6000,
        }
    }

    /// The user and the group of an entry, if they are not those of this process.
    fn owner(&self, entry: &Entry) -> io::Result<Option<(u32, u32)>> {
        let outside = |id: u64| {
            let known = self.owners.outside(id);
            let other = || match self.owners {
                Owners::Same => None,
                _ => self.owners.unknown(),
            };
            known
                .or_else(other)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        let gives = match self.owners {
            Owners::Same => self.uid == 0 && (entry.uid, entry.gid) != (self.uid, self.gid),
            Owners::Range { .. } => true,
            Owners::Caller | Owners::Mapped { .. } => false,
        };
        match gives {
            true => Ok(Some((outside(entry.uid)?, outside(entry.gid)?))),
            false => Ok(None),
        }
    }
}

pub(super) fn set_attributes(entry: &Entry, path: &Path, me: &Me) -> io::Result<()> {
    let owners = me.owner(entry)?;
    if matches!(entry.kind, EntryKind::Link { .. }) {
        if let Some((uid, gid)) = owners {
            lchown(path, Some(uid), Some(gid))?;
        }
        return set_times(entry, path);
    }
    // The owner first: a change of it clears bits of the mode.
    if let Some((uid, gid)) = owners {
        chown(path, Some(uid), Some(gid))?;
    }
    if !entry.xattrs.is_empty() {
        let attributes = me.owners.attributes_outside(&entry.xattrs);
        xattrs::write(&File::open(path)?, &attributes, me.uid == 0)?;
    }
    fs::set_permissions(path, Permissions::from_mode(me.mode(entry)))?;
    set_times(entry, path)
}

/// The mode with which a file is created that gets these attributes: the last one where nothing
/// forbids it, which saves a call. Extended attributes need the permission to write, and a program
/// gets the rights of a user only with its content.
pub(super) fn first_mode(entry: &Entry, me: &Me) -> u32 {
    match entry.xattrs.is_empty() {
        true => me.mode(entry) & 0o777,
        false => 0o600,
    }
}

/// As [`set_attributes`] for an open file.
pub(super) fn set_attributes_of(entry: &Entry, file: &File, me: &Me) -> io::Result<()> {
    if let Some((uid, gid)) = me.owner(entry)? {
        fchown(file, Some(uid), Some(gid))?;
    }
    if !entry.xattrs.is_empty() {
        let attributes = me.owners.attributes_outside(&entry.xattrs);
        xattrs::write(file, &attributes, me.uid == 0)?;
    }
    let mode = me.mode(entry);
    // On a file system with a journal, a change costs more than a look.
    if file.metadata()?.permissions().mode() & 0o7777 != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(rustix::fs::futimens(file, &times(entry))?)
}

fn set_times(entry: &Entry, path: &Path) -> io::Result<()> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(CWD, path, &times(entry), flags)?)
}

fn times(entry: &Entry) -> Timestamps {
    let (tv_sec, nanos) = entry.mtime;
    let time = Timespec {
        tv_sec,
        tv_nsec: nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests;
