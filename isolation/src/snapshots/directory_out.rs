//! Creates the files of a part in a directory of this machine.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::entry::{Entry, EntryKind};
use super::part_reader::PartReader;
use super::xattrs;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;

impl PartReader {
    /// Creates the files in an empty directory to which only this user can write. Owners other than
    /// this user need root; without it, the number of entries that belong to this user instead is
    /// returned. This blocks.
    pub fn write_directory(&self, directory: &Path) -> Result<u64> {
        self.write_directory_until(directory, &Stop::default())
    }

    pub(crate) fn write_directory_until(&self, directory: &Path, stop: &Stop) -> Result<u64> {
        let entries = self.entries()?;
        let mut progress = self.reporter();
        let mut other_owners = 0;
        let me = Me::now();
        for entry in &entries {
            stop.check()?;
            let path = entry.path.below(directory);
            self.create(entry, &path, directory)?;
            if !me.can_give(entry) {
                other_owners += 1;
            }
            if entry.kind != EntryKind::Directory && !matches!(entry.kind, EntryKind::HardLink { .. }) {
                set_attributes(entry, &path, &me)
                    .map_err(|e| Error::io("set the attributes of", &path, e))?;
            }
            progress.entry(entry.size());
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
        Ok(other_owners)
    }

    fn create(&self, entry: &Entry, path: &Path, top: &Path) -> Result<()> {
        let failed = |error: io::Error| Error::io("create", path, error);
        match &entry.kind {
            EntryKind::Directory if entry.path.is_root() => Ok(()),
            EntryKind::Directory => DirBuilder::new().mode(0o700).create(path).map_err(failed),
            EntryKind::File { .. } => {
                let mut options = OpenOptions::new();
                let options = options.write(true).create_new(true).mode(0o600);
                let mut file = options.open(path).map_err(failed)?;
                self.copy(entry, &mut file)
            }
            EntryKind::Link { target } => {
                use std::os::unix::ffi::OsStrExt;
                let target = std::ffi::OsStr::from_bytes(target.as_slice());
                symlink(target, path).map_err(failed)
            }
            EntryKind::HardLink { target } => fs::hard_link(target.below(top), path).map_err(failed),
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } => {
                let why = format!("{} is a device, which is not created on this machine", entry.path);
                Err(Error::new(ErrorKind::Unsupported, why))
            }
            special => make_special(special, path).map_err(failed),
        }
    }
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

/// The user and the group of this process.
pub(super) struct Me {
    uid: u64,
    gid: u64,
}

impl Me {
    pub(super) fn now() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw().into(),
            gid: rustix::process::getegid().as_raw().into(),
        }
    }

    /// Whether this process can give a file to its owner.
    fn can_give(&self, entry: &Entry) -> bool {
        self.uid == 0 || (entry.uid, entry.gid) == (self.uid, self.gid)
    }
}

pub(super) fn set_attributes(entry: &Entry, path: &Path, me: &Me) -> io::Result<()> {
    let owner = |id: u64| u32::try_from(id).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
    let gives = me.uid == 0 && (entry.uid, entry.gid) != (me.uid, me.gid);
    let owners = match gives {
        true => Some((owner(entry.uid)?, owner(entry.gid)?)),
        false => None,
    };
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
        xattrs::write(&File::open(path)?, &entry.xattrs, me.uid == 0)?;
    }
    // Without its owner, a program would run as this user instead.
    let mode = match me.can_give(entry) {
        true => entry.mode,
        false => entry.mode & !0o6000,
    };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    set_times(entry, path)
}

fn set_times(entry: &Entry, path: &Path) -> io::Result<()> {
    let (tv_sec, nanos) = entry.mtime;
    let time = Timespec {
        tv_sec,
        tv_nsec: nanos.into(),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        CWD,
        path,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}
