//! Layers become a directory tree.
//!
//! An archive from anywhere may name any path: `..`, absolute ones, a link to a directory of this
//! machine and a file below it. Every path is looked up from the root as `chroot` would do it,
//! directory by directory, and the last name of it is never followed. Devices are left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::super::identity::{COUNT, Identity};
use super::given::{Given, open_below};
use super::streams::{Budget, LayerDigests, layer};
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::dir::{Dir, Kind};
use crate::files::remove_tree::remove_tree;
use crate::files::root;
use crate::snapshots::TreePath;
use crate::snapshots::archive_entries::{self, Described, corrupt, damaged};

/// The beginning of names that remove something of the layers below.
const WHITEOUT: &[u8] = b".wh.";

/// The name that removes all of the layers below in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The beginning of names that another file system uses for itself.
const RESERVED: &[u8] = b".wh..wh.";

/// The most entries of all layers.
const MOST_ENTRIES: u64 = 5_000_000;

/// Counts of the entries of an image that its tree does not have as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct LeftOut {
    /// Devices.
    pub(in super::super) devices: u64,
    /// Files that belong to another user than in the image.
    pub(in super::super) owners: u64,
}

/// The users and groups of files, by path.
pub(super) type Owners = BTreeMap<PathBuf, (u32, u32)>;

/// The tree of an image that is being unpacked.
pub(super) struct Tree<'a> {
    root: Dir,
    top: PathBuf,
    identity: Identity,
    budget: Budget,
    entries: u64,
    stop: &'a Stop,
    left_out: LeftOut,
    /// The modes and times of directories, which are set last: a file cannot be created in a
    /// read-only directory, and changes its time.
    directories: HashMap<PathBuf, (u32, (i64, u32))>,
    /// The paths of the current layer, with the directories above them.
    touched: HashSet<PathBuf>,
    /// The users and groups of files, if the caller cannot give files to them.
    given: Given,
}

impl<'a> Tree<'a> {
    /// An empty tree in this directory, with a limit.
    pub(super) fn new(top: &Path, identity: Identity, budget: Budget, stop: &'a Stop) -> Result<Self> {
        let failed = |e| Error::io("open the directory", top, e);
        let root = Dir::open(top).map_err(failed)?;
        let mut tree = Self {
            root,
            top: top.to_owned(),
            identity,
            budget,
            entries: 0,
            stop,
            left_out: LeftOut::default(),
            directories: HashMap::from([(top.to_owned(), (0o755, (0, 0)))]),
            touched: HashSet::new(),
            given: Given::default(),
        };
        let root = tree.root.try_clone().map_err(failed)?;
        tree.give(top, root.as_file(), 0, 0).map_err(failed)?;
        Ok(tree)
    }

    /// Applies a layer.
    pub(super) fn add(&mut self, file: impl Read, digests: LayerDigests) -> Result<()> {
        self.touched.clear();
        let mut budget = Budget {
            left: self.budget.left,
        };
        layer(file, digests, &mut budget, |archive| {
            archive_entries::each(archive, |described, content| self.apply(&described, content))
        })?;
        self.budget = budget;
        Ok(())
    }

    /// Sets what was left for the end. Returns what was left out, what is left of the limit, and
    /// the files that are to be given away, as paths below the tree.
    pub(super) fn finish(self) -> Result<(LeftOut, u64, Owners)> {
        let mut directories: Vec<_> = self.directories.iter().collect();
        // A directory without permission to enter it comes after those in it.
        directories.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        for (path, (mode, changed)) in directories {
            let inner = path.strip_prefix(&self.top).unwrap_or(path);
            // It may have been replaced by a later layer.
            let Some(directory) = open_below(&self.root, inner) else {
                continue;
            };
            let set = directory
                .set_mode(*mode)
                .and_then(|()| Ok(rustix::fs::futimens(directory.as_file(), &times(*changed))?));
            set.map_err(|e| Error::io("set the attributes of", path, e))?;
        }
        let given = self.given.below(&self.root, &self.top);
        Ok((self.left_out, self.budget.left, given))
    }

    fn apply(&mut self, entry: &Described, content: &mut dyn Read) -> Result<()> {
        self.stop.check()?;
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(Error::invalid(format!(
                "the image has more than {MOST_ENTRIES} files"
            )));
        }
        let bytes = entry.path.as_bytes();
        let (above, name) = match bytes.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (&b""[..], bytes),
        };
        if above
            .split(|byte| *byte == b'/')
            .any(|part| part.starts_with(RESERVED))
        {
            return Ok(());
        }
        if name.is_empty() {
            return self.set_directory(entry, &self.root.try_clone().map_err(damaged)?);
        }
        if name.starts_with(WHITEOUT) {
            return self.remove_lower(entry, above, name);
        }
        let failed = |e: io::Error| Error::io("unpack", Path::new(&entry.path.to_string()), e);
        let parent = self.parent(above).map_err(failed)?;
        let name = OsStr::from_bytes(name);
        self.touch(&parent.path_of(name));
        self.create(entry, &parent, name, content)
    }

    /// Opens the directory of an entry; creates what is missing of it.
    fn parent(&mut self, above: &[u8]) -> io::Result<Dir> {
        let parts = above.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        let parts = parts.map(|part| OsStr::from_bytes(part).to_owned()).collect();
        let (mut directory, missing) = root::existing(&self.root, parts)?;
        for part in missing {
            directory = directory.make_directory(&part)?;
            self.give(directory.path(), directory.as_file(), 0, 0)?;
            self.directories
                .insert(directory.path().to_owned(), (0o755, (0, 0)));
        }
        Ok(directory)
    }

    /// Notes that a path, and the directories above it, have something of this layer.
    fn touch(&mut self, path: &Path) {
        for path in path.ancestors().take_while(|path| **path != *self.top) {
            if !self.touched.insert(path.to_owned()) {
                break;
            }
        }
    }

    fn create(
        &mut self,
        entry: &Described,
        parent: &Dir,
        name: &OsStr,
        content: &mut dyn Read,
    ) -> Result<()> {
        let path = parent.path_of(name);
        let failed = |e: io::Error| Error::io("unpack", &path, e);
        let existing = parent.kind(name).map_err(failed)?;
        let is_directory = entry.kind == EntryType::Directory;
        match existing {
            Some(Kind::Directory) if is_directory => {}
            Some(_) => remove_tree(&path).map_err(failed)?,
            None => {}
        }
        match entry.kind {
            EntryType::Directory => {
                let made = parent.make_directory(name).map_err(failed)?;
                self.set_directory(entry, &made)
            }
            EntryType::Regular | EntryType::Continuous => self.file(entry, parent, name, content),
            EntryType::Symlink => {
                let target = OsStr::from_bytes(&entry.link);
                parent.make_link(name, target).map_err(failed)?;
                self.set_by_name(entry, parent, name).map_err(failed)
            }
            EntryType::Link => self.hard_link(entry, parent, name),
            EntryType::Fifo => {
                let mode = Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(parent.as_file(), name, FileType::Fifo, mode, 0)
                    .map_err(|e| failed(e.into()))?;
                self.set_by_name(entry, parent, name).map_err(failed)?;
                let mode = Mode::from_raw_mode(entry.mode);
                rustix::fs::chmodat(parent.as_file(), name, mode, AtFlags::empty())
                    .map_err(|e| failed(e.into()))
            }
            EntryType::Char | EntryType::Block => {
                self.left_out.devices += 1;
                Ok(())
            }
            other => Err(corrupt(format!("{} has an unknown type: {other:?}", entry.path))),
        }
    }

    fn file(&mut self, entry: &Described, parent: &Dir, name: &OsStr, content: &mut dyn Read) -> Result<()> {
        let path = parent.path_of(name);
        let failed = |e: io::Error| Error::io("unpack", &path, e);
        let mut file = parent.create_file(name).map_err(failed)?;
        let mut written = 0;
        let mut piece = vec![0; 128 << 10];
        loop {
            self.stop.check()?;
            let read = content.read(&mut piece).map_err(damaged)?;
            if read == 0 {
                break;
            }
            io::Write::write_all(&mut file, &piece[..read]).map_err(failed)?;
            written += read as u64;
        }
        if written != entry.size {
            return Err(corrupt(format!(
                "the archive ends in the middle of {}",
                entry.path
            )));
        }
        self.give(&path, &file, entry.user, entry.group).map_err(failed)?;
        for (name, value) in &entry.xattrs {
            let name = name.as_slice();
            // Those of overlays would change what is seen of the tree.
            if name.starts_with(b"user.") && !name.starts_with(b"user.overlay.") {
                match rustix::fs::fsetxattr(&file, name, value.as_slice(), XattrFlags::empty()) {
                    Err(rustix::io::Errno::NOTSUP) => {}
                    set => set.map_err(|e| failed(e.into()))?,
                }
            }
        }
        // After the owner, whose change clears bits of the mode.
        file.set_permissions(Permissions::from_mode(entry.mode))
            .map_err(failed)?;
        rustix::fs::futimens(&file, &times(entry.changed)).map_err(|e| failed(e.into()))
    }

    fn hard_link(&mut self, entry: &Described, parent: &Dir, name: &OsStr) -> Result<()> {
        let target = TreePath::normal(&entry.link)?;
        let missing = || corrupt(format!("{} is a link to {target}, which is no file", entry.path));
        let mut parts: Vec<OsString> = target
            .as_bytes()
            .split(|byte| *byte == b'/')
            .map(|part| OsStr::from_bytes(part).to_owned())
            .collect();
        let last = parts.pop().filter(|last| !last.is_empty()).ok_or_else(missing)?;
        let failed = |e| Error::io("unpack", &parent.path_of(name), e);
        let (directory, rest) = root::existing(&self.root, parts.into()).map_err(|_| missing())?;
        match directory.kind(&last).map_err(failed)? {
            Some(Kind::File | Kind::Link | Kind::Special) if rest.is_empty() => {}
            _ => return Err(missing()),
        }
        // It has the owner of its target.
        self.given.set(&parent.path_of(name), (0, 0));
        let (from, to) = (directory.as_file(), parent.as_file());
        rustix::fs::linkat(from, &last, to, name, AtFlags::empty()).map_err(|e| failed(e.into()))
    }

    fn set_directory(&mut self, entry: &Described, directory: &Dir) -> Result<()> {
        let path = directory.path().to_owned();
        if entry.kind != EntryType::Directory {
            return Err(corrupt("the root of the image is no directory"));
        }
        let given = self.give(&path, directory.as_file(), entry.user, entry.group);
        given
            // Until the end, this user must be able to create files in it.
            .and_then(|()| directory.set_mode(0o700))
            .map_err(|e| Error::io("unpack", &path, e))?;
        self.directories.insert(path, (entry.mode, entry.changed));
        Ok(())
    }

    /// Sets the owner and the time of what cannot be opened.
    fn set_by_name(&mut self, entry: &Described, parent: &Dir, name: &OsStr) -> io::Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if let Some((user, group)) = self.owner(&parent.path_of(name), entry.user, entry.group) {
            rustix::fs::chownat(parent.as_file(), name, Some(user), Some(group), flags)?;
        }
        Ok(rustix::fs::utimensat(
            parent.as_file(),
            name,
            &times(entry.changed),
            flags,
        )?)
    }

    fn give(&mut self, path: &Path, file: &std::fs::File, user: u64, group: u64) -> io::Result<()> {
        match self.owner(path, user, group) {
            Some((user, group)) => Ok(rustix::fs::fchown(file, Some(user), Some(group))?),
            None => Ok(()),
        }
    }

    /// The owner on this machine, if it is not the caller.
    fn owner(&mut self, path: &Path, user: u64, group: u64) -> Option<(Uid, Gid)> {
        if !self.identity.has_users() {
            self.left_out.owners += u64::from(user != 0 || group != 0);
            return None;
        }
        let is_in = |id: u64| u32::try_from(id).ok().filter(|id| *id < COUNT);
        const NOBODY: u32 = 65_534;
        if is_in(user).is_none() || is_in(group).is_none() {
            self.left_out.owners += 1;
        }
        let inside = (is_in(user).unwrap_or(NOBODY), is_in(group).unwrap_or(NOBODY));
        match self.identity {
            Identity::Range { .. } => {
                let owner = self.identity.outside(inside.0, inside.1);
                Some((Uid::from_raw(owner.user), Gid::from_raw(owner.group)))
            }
            _ => {
                self.given.set(path, inside);
                None
            }
        }
    }

    /// Removes what the layers below have at a path; nothing of this layer.
    fn remove_lower(&mut self, entry: &Described, above: &[u8], name: &[u8]) -> Result<()> {
        if name.starts_with(RESERVED) && name != OPAQUE {
            return Ok(());
        }
        let gone = &name[WHITEOUT.len()..];
        if matches!(gone, b"" | b"." | b"..") {
            return Err(corrupt(format!("{} removes no file", entry.path)));
        }
        let failed = |e: io::Error| Error::io("unpack", Path::new(&entry.path.to_string()), e);
        let parts = above.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        let parts = parts.map(|part| OsStr::from_bytes(part).to_owned()).collect();
        let (directory, missing) = root::existing(&self.root, parts).map_err(failed)?;
        if !missing.is_empty() {
            return Ok(());
        }
        if name == OPAQUE {
            return self.remove_contents(&directory).map_err(failed);
        }
        self.remove_entry(&directory, OsStr::from_bytes(gone))
            .map_err(failed)
    }

    fn remove_contents(&self, directory: &Dir) -> io::Result<()> {
        let names = directory.names()?;
        names
            .iter()
            .try_for_each(|name| self.remove_entry(directory, name))
    }

    fn remove_entry(&self, directory: &Dir, name: &OsStr) -> io::Result<()> {
        let path = directory.path_of(name);
        match directory.kind(name)? {
            None => Ok(()),
            Some(_) if !self.touched.contains(&path) => remove_tree(&path),
            Some(Kind::Directory) => self.remove_contents(&directory.directory(name)?),
            Some(_) => Ok(()),
        }
    }
}

fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests;
