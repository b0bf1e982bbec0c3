//! Copies a directory of this machine with everything that a snapshot of it would have. Where the
//! file system can, files share their content until one of them is changed.
//!
//! Several threads copy: for many small files the time is that of the calls of the system, and not
//! that of the contents. Each takes one directory at a time.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::copy_content::copy_content;
use super::directory_in::{described, is_gone, special_kind};
use super::directory_out::{Me, first_mode, make_special, set_attributes, set_attributes_of};
use super::entry::{Entry, EntryKind, TreePath};
use super::xattrs;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::dir::{Dir, Kind};

/// How deep a directory may be. Each level holds a file descriptor.
const DEEPEST: usize = 256;

/// The most threads of one copy.
const THREADS: usize = 4;

/// Looks at each file and each link before it is copied, with its path relative to the directory.
/// Several threads call it.
pub(crate) type Look<'a> = &'a (dyn Fn(&Path, Seen<'_>) -> io::Result<()> + Sync);

/// The source and the target of a copy.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// An open file, whose position must stay.
    File(&'a File, &'a Metadata),
    /// A symbolic link to this path.
    Link(&'a Path),
}

/// Copies the contents and the attributes of a directory into an empty one. A file with several
/// names in it has several names in the copy, but none in common with the original. This blocks.
pub(crate) fn clone_tree(from: &Path, to: &Path, stop: &Stop) -> Result<()> {
    clone_tree_with(from, to, stop, &|_, _| Ok(()))
}

/// The same, with a look at each file and each link.
pub(crate) fn clone_tree_with(from: &Path, to: &Path, stop: &Stop, look: Look<'_>) -> Result<()> {
    let top = Dir::open(from).map_err(|e| Error::io("open the directory", from, e))?;
    let cloning = Cloning {
        top: to,
        me: Me::now(),
        stop,
        look,
        names: Mutex::default(),
        state: Mutex::new(State {
            waiting: vec![Job {
                directory: Source::Top(top),
                to: to.to_owned(),
                depth: 0,
            }],
            ..State::default()
        }),
        changed: Condvar::new(),
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(THREADS) {
            scope.spawn(|| cloning.work());
        }
        cloning.work();
    });
    let state = cloning.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some(error) => Err(error),
        None => finish(state.copied, &cloning.me),
    }
}

/// Sets the attributes of the directories last, and from the inside: each file changes the time of
/// its directory, and a read-only directory takes none.
fn finish(mut copied: Vec<(PathBuf, Entry)>, me: &Me) -> Result<()> {
    copied.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
    for (path, entry) in copied {
        set_attributes(&entry, &path, me).map_err(|e| Error::io("set the attributes of", &path, e))?;
    }
    Ok(())
}

struct Cloning<'a> {
    top: &'a Path,
    me: Me,
    stop: &'a Stop,
    look: Look<'a>,
    /// The first name of files with several names, by device and inode. It is locked while such a
    /// file is copied: its next name is a link to it.
    names: Mutex<HashMap<(u64, u64), PathBuf>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The last one is taken first, so that few directories are open.
    waiting: Vec<Job>,
    /// How many threads copy a directory.
    busy: usize,
    copied: Vec<(PathBuf, Entry)>,
    failed: Option<Error>,
}

/// A directory to be copied.
struct Job {
    directory: Source,
    to: PathBuf,
    depth: usize,
}

enum Source {
    Top(Dir),
    /// A name in a directory.
    In(Arc<Dir>, OsString),
}

impl Cloning<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies directories until all are copied.
    fn work(&self) {
        while let Some(job) = self.next() {
            // After a panic, the others do not wait for this thread.
            let busy = Busy(self);
            let copied = self.directory(job);
            if let Err(error) = copied {
                self.state().failed.get_or_insert(error);
            }
            drop(busy);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some(job) = state.waiting.pop() {
                state.busy += 1;
                return Some(job);
            }
            if state.busy == 0 {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn directory(&self, job: Job) -> Result<()> {
        let Job { directory, to, depth } = job;
        let from = match directory {
            Source::Top(top) => top,
            Source::In(parent, name) => {
                let failed = |error| Error::io("copy", &parent.path_of(&name), error);
                let inner = match parent.directory(&name) {
                    // Removed meanwhile.
                    Err(error) if is_gone(&error) => return Ok(()),
                    opened => opened.map_err(failed)?,
                };
                DirBuilder::new().mode(0o700).create(&to).map_err(failed)?;
                inner
            }
        };
        let from = Arc::new(from);
        let failed = |error| Error::io("copy", from.path(), error);
        if depth > DEEPEST {
            let why = format!(
                "{} is more than {DEEPEST} directories deep",
                from.path().display()
            );
            return Err(Error::invalid(why));
        }
        let meta = from.metadata().map_err(failed)?;
        let mut entry = described(&TreePath::root(), EntryKind::Directory, &meta);
        entry.xattrs = xattrs::read(from.as_file()).map_err(failed)?;
        let target = Dir::open(&to).map_err(failed)?;
        for (name, kind) in from.entries().map_err(failed)? {
            self.stop.check()?;
            self.entry(&from, &name, kind, &target, depth)?;
        }
        self.state().copied.push((to, entry));
        Ok(())
    }

    /// Copies an entry, which was listed as one of this kind. A program may have replaced it since:
    /// then it is copied as what it is now.
    fn entry(
        &self,
        from: &Arc<Dir>,
        name: &OsStr,
        listed: Option<Kind>,
        to: &Dir,
        depth: usize,
    ) -> Result<()> {
        let failed = |error| Error::io("copy", &from.path_of(name), error);
        let (mut kind, mut is_first) = (listed, true);
        loop {
            let known = match kind {
                None => from.kind(name).map_err(failed)?,
                listed => listed,
            };
            // Removed meanwhile.
            let Some(known) = known else { return Ok(()) };
            let Err(error) = self.entry_of(from, name, known, to, depth) else {
                return Ok(());
            };
            match from.kind(name).map_err(failed)? {
                None if is_gone(&error) => return Ok(()),
                found if is_first && (is_gone(&error) || found != Some(known)) => kind = found,
                _ => return Err(failed(error)),
            }
            is_first = false;
        }
    }

    fn entry_of(&self, from: &Arc<Dir>, name: &OsStr, kind: Kind, to: &Dir, depth: usize) -> io::Result<()> {
        match kind {
            Kind::Directory => {
                self.state().waiting.push(Job {
                    directory: Source::In(Arc::clone(from), name.to_owned()),
                    to: to.path_of(name),
                    depth: depth + 1,
                });
                self.changed.notify_one();
                Ok(())
            }
            Kind::File => self.file(&from.file(name)?, to, name),
            Kind::Link => self.link(from, to, name),
            Kind::Special => self.special(&from.path_of(name), &to.path_of(name)),
        }
    }

    fn file(&self, from: &File, to: &Dir, name: &OsStr) -> io::Result<()> {
        let meta = from.metadata()?;
        if !meta.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if meta.nlink() == 1 {
            return self.copy(from, &meta, to, name);
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (meta.dev(), meta.ino());
        if let Some(first) = names.get(&key) {
            return fs::hard_link(first, to.path_of(name));
        }
        self.copy(from, &meta, to, name)?;
        names.insert(key, to.path_of(name));
        Ok(())
    }

    fn copy(&self, from: &File, meta: &Metadata, to: &Dir, name: &OsStr) -> io::Result<()> {
        self.look(&to.path_of(name), Seen::File(from, meta))?;
        let kind = EntryKind::File {
            size: meta.len(),
            chunks: Vec::new(),
        };
        let mut entry = described(&TreePath::root(), kind, meta);
        entry.xattrs = xattrs::read(from)?;
        let mut file = to.create_file_with(name, first_mode(&entry, &self.me))?;
        copy_content(from, meta.len(), &mut file)?;
        set_attributes_of(&entry, &file, &self.me)
    }

    fn link(&self, from: &Dir, to: &Dir, name: &OsStr) -> io::Result<()> {
        let meta = fs::symlink_metadata(from.path_of(name))?;
        let target = from.link_target(name)?;
        let path = to.path_of(name);
        self.look(&path, Seen::Link(target.as_ref()))?;
        to.make_link(name, &target)?;
        let target = target.as_bytes().into();
        let entry = described(&TreePath::root(), EntryKind::Link { target }, &meta);
        set_attributes(&entry, &path, &self.me)
    }

    fn special(&self, from: &Path, to: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(from)?;
        let file_type = meta.file_type();
        if file_type.is_file() || file_type.is_dir() || file_type.is_symlink() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // A socket ends with its process.
        let Some(kind) = special_kind(&meta) else {
            return Ok(());
        };
        make_special(&kind, to)?;
        set_attributes(&described(&TreePath::root(), kind, &meta), to, &self.me)
    }

    fn look(&self, path: &Path, seen: Seen<'_>) -> io::Result<()> {
        (self.look)(path.strip_prefix(self.top).unwrap_or(path), seen)
    }
}

/// A thread that copies a directory.
struct Busy<'a>(&'a Cloning<'a>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
        self.0.changed.notify_all();
    }
}
