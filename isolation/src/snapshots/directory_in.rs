//! Takes the files of a directory of this machine into a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

use super::attributes::Attributes;
use super::entry::{Entry, EntryKind, TreePath};
use super::left_out::LeftOut;
use super::owners::Owners;
use super::part_writer::PartWriter;
use super::xattrs;
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};
use crate::files::dir::{Dir, Kind};

/// How often a file is read that changes while it is read.
const TRIES: u32 = 3;

/// How deep a directory may be. Each level holds a file descriptor.
const DEEPEST: usize = 256;

/// How long ago the last change of a file must be, in nanoseconds, so that the next one has another
/// time.
const SETTLED: i128 = 1_000_000_000;

/// The name of directories with compiled Python code.
const BYTECODE: &str = "__pycache__";

/// How the files of an environment look on this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The users of the environment.
    pub(crate) owners: Owners,
    /// Where something is mounted. The snapshot has an empty file or directory there.
    pub(crate) mounted: BTreeSet<TreePath>,
}

impl View {
    /// With these users, and nothing mounted.
    pub(crate) fn of(owners: Owners) -> Self {
        Self {
            owners,
            mounted: BTreeSet::new(),
        }
    }
}

impl PartWriter {
    /// Takes the files of a directory. A file whose size, time and inode are those of the earlier
    /// snapshot is not read. No symbolic link is followed. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](ErrorKind::Conflict) if a file changes whenever it is read.
    pub fn add_directory(&mut self, directory: &Path) -> Result<()> {
        self.add_directory_as(directory, &View::default())
    }

    pub(crate) fn add_directory_as(&mut self, directory: &Path, view: &View) -> Result<()> {
        let top = Dir::open(directory).map_err(|e| Error::io("open the directory", directory, e))?;
        let meta = top.metadata().map_err(|e| Error::io("inspect", directory, e))?;
        let mut walk = Walk {
            writer: self,
            view,
            names: HashMap::new(),
            device: meta.dev(),
            bytecode: 0,
            settled: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |now| i128::try_from(now.as_nanos()).unwrap_or_default())
                - SETTLED,
        };
        walk.directory(&top, &TreePath::root(), 0)?;
        let left = walk.bytecode;
        if left > 0 {
            self.leave_out(LeftOut::new(
                counted(
                    left,
                    &format!("directory {BYTECODE}"),
                    &format!("directories {BYTECODE}"),
                ),
                "Python compiles the code again",
            ));
        }
        Ok(())
    }
}

struct Walk<'a> {
    writer: &'a mut PartWriter,
    view: &'a View,
    /// The first name of files with several names, by inode.
    names: HashMap<u64, TreePath>,
    device: u64,
    bytecode: u64,
    /// A file that was changed later may change again without another time.
    settled: i128,
}

impl Walk<'_> {
    fn directory(&mut self, directory: &Dir, path: &TreePath, depth: usize) -> Result<()> {
        let at = || directory.path();
        if depth > DEEPEST {
            let why = format!("{} is more than {DEEPEST} directories deep", at().display());
            return Err(Error::invalid(why));
        }
        let meta = directory.metadata().map_err(|e| Error::io("inspect", at(), e))?;
        if meta.dev() != self.device {
            let what = format!("the files below {path}");
            self.writer
                .leave_out(LeftOut::new(what, "another file system is mounted there"));
            return Ok(());
        }
        let mut entry = self.described(path, EntryKind::Directory, &meta);
        let xattrs = xattrs::read(directory.as_file()).map_err(|e| Error::io("read", at(), e))?;
        entry.xattrs = self.view.owners.attributes_inside(xattrs);
        entry.stamp = None;
        self.writer.add(entry)?;
        let mut names = directory.names().map_err(|e| Error::io("list", at(), e))?;
        names.sort();
        for name in names {
            self.entry(directory, &name, path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, directory: &Dir, name: &OsStr, parent: &TreePath, depth: usize) -> Result<()> {
        let at = directory.path_of(name);
        let path = parent.join(name.as_bytes());
        let kind = directory.kind(name).map_err(|e| Error::io("inspect", &at, e))?;
        match kind {
            // Removed meanwhile.
            None => Ok(()),
            Some(kind) if self.view.mounted.contains(&path) => self.mounted(path, kind),
            Some(Kind::Directory) if name == BYTECODE && !self.writer.has_bytecode() => {
                self.bytecode += 1;
                Ok(())
            }
            Some(Kind::Directory) => match directory.directory(name) {
                Ok(inner) => self.directory(&inner, &path, depth + 1),
                Err(error) if is_gone(&error) => Ok(()),
                Err(error) => Err(Error::io("open the directory", &at, error)),
            },
            Some(Kind::File) => self.file(directory, name, path),
            Some(Kind::Link) => {
                let target = directory.link_target(name);
                let target = target.map_err(|e| Error::io("read the link", &at, e))?;
                let meta = fs::symlink_metadata(&at).map_err(|e| Error::io("inspect", &at, e))?;
                let target = target.as_bytes().into();
                let mut entry = self.described(&path, EntryKind::Link { target }, &meta);
                entry.stamp = None;
                self.writer.add(entry)
            }
            Some(Kind::Special) => self.special(&at, &path),
        }
    }

    fn special(&mut self, at: &Path, path: &TreePath) -> Result<()> {
        let meta = fs::symlink_metadata(at).map_err(|e| Error::io("inspect", at, e))?;
        let Some(kind) = special_kind(&meta) else {
            self.writer.leave_out(LeftOut::socket(path));
            return Ok(());
        };
        let mut entry = self.described(path, kind, &meta);
        entry.stamp = None;
        self.writer.add(entry)
    }

    /// Adds the place of a mount, which hides what is there.
    fn mounted(&mut self, path: TreePath, kind: Kind) -> Result<()> {
        let mut entry = Entry::directory(path);
        if kind == Kind::Directory {
            return self.writer.add(entry);
        }
        entry.mode = 0o644;
        self.writer.add_file(entry, io::empty())
    }

    /// An entry with the users of the environment.
    fn described(&self, path: &TreePath, kind: EntryKind, meta: &Metadata) -> Entry {
        let owners = self.view.owners;
        Entry {
            uid: owners.inside(meta.uid()).into(),
            gid: owners.inside(meta.gid()).into(),
            ..described(path, kind, meta)
        }
    }

    fn file(&mut self, directory: &Dir, name: &OsStr, path: TreePath) -> Result<()> {
        let at = directory.path_of(name);
        let unreadable = |error| Error::io("read", &at, error);
        for _ in 0..TRIES {
            let file = match directory.file(name) {
                Err(error) if is_gone(&error) => return Ok(()),
                opened => opened.map_err(unreadable)?,
            };
            let meta = file.metadata().map_err(unreadable)?;
            let mut entry = self.described(&path, EntryKind::Pipe, &meta);
            entry.stamp = entry.stamp.filter(|(_, changed)| *changed < self.settled);
            if meta.nlink() > 1 {
                if let Some(first) = self.names.get(&meta.ino()) {
                    entry.kind = EntryKind::HardLink {
                        target: first.clone(),
                    };
                    return self.writer.add(entry);
                }
            }
            let xattrs = xattrs::read(&file).map_err(unreadable)?;
            entry.xattrs = self.view.owners.attributes_inside(xattrs);
            let known = self
                .writer
                .previous()
                .and_then(|previous| unchanged(previous, &entry, &meta));
            match known {
                Some(kind) => {
                    entry.kind = kind;
                    self.writer.add(entry)?;
                }
                None => self.writer.add_file(entry, &file)?,
            }
            let after = file.metadata().map_err(unreadable)?;
            if stamp(&after) == stamp(&meta) && after.len() == meta.len() {
                if meta.nlink() > 1 {
                    self.names.insert(meta.ino(), path);
                }
                return Ok(());
            }
        }
        let why = format!(
            "{} changes while it is read; stop the environment first",
            at.display()
        );
        Err(Error::new(ErrorKind::Conflict, why))
    }
}

/// The content of a file in the earlier snapshot, if it was not changed since.
fn unchanged(previous: &BTreeMap<TreePath, Entry>, now: &Entry, meta: &Metadata) -> Option<EntryKind> {
    let mut before = previous.get(&now.path)?;
    if let EntryKind::HardLink { target } = &before.kind {
        before = previous.get(target)?;
    }
    let same = before.stamp.is_some()
        && before.stamp == now.stamp
        && before.mtime == now.mtime
        && before.size() == meta.len();
    same.then(|| before.kind.clone())
}

/// Whether an entry was removed after it was listed.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn stamp(meta: &Metadata) -> (u64, i128) {
    let changed = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
    (meta.ino(), changed)
}

pub(super) fn described(path: &TreePath, kind: EntryKind, meta: &Metadata) -> Entry {
    Entry {
        path: path.clone(),
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid().into(),
        gid: meta.gid().into(),
        mtime: (meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap_or_default()),
        xattrs: Attributes::new(),
        stamp: Some(stamp(meta)),
    }
}

/// The kind of a pipe or a device; `None` for a socket.
pub(super) fn special_kind(meta: &Metadata) -> Option<EntryKind> {
    let kind = meta.file_type();
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    if kind.is_fifo() {
        return Some(EntryKind::Pipe);
    }
    if kind.is_char_device() {
        return Some(EntryKind::CharDevice { major, minor });
    }
    kind.is_block_device()
        .then_some(EntryKind::BlockDevice { major, minor })
}
