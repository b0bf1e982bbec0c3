//! Copies a directory of this machine with everything that a snapshot of it would have. Where the
//! file system can, files share their content until one of them is changed.
//!
//! Several threads copy: for many small files the time is that of the calls of the system, and not
//! that of the contents. Each takes one directory at a time.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::directory_in::{described, is_gone, special_kind};
use super::directory_out::{Me, make_special, set_attributes, set_attributes_of};
use super::entry::{Entry, EntryKind, TreePath};
use super::xattrs;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::dir::{Dir, Kind};

/// How deep a directory may be. Each level holds a file descriptor.
const DEEPEST: usize = 256;

/// A file that is copied in less time than its content is shared.
const SMALL: u64 = 64 << 10;

/// The most threads of one copy.
const THREADS: usize = 4;

/// Looks at each file before it is copied: at its path relative to the directory, and at the open
/// file, whose position must stay. Several threads call it.
pub(crate) type Look<'a> = &'a (dyn Fn(&Path, &File, &Metadata) -> io::Result<()> + Sync);

/// Copies the contents and the attributes of a directory into an empty one. A file with several
/// names in it has several names in the copy, but none in common with the original. This blocks.
pub(crate) fn clone_tree(from: &Path, to: &Path, stop: &Stop) -> Result<()> {
    clone_tree_with(from, to, stop, &|_, _, _| Ok(()))
}

/// The same, with a look at each file.
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
        for name in from.names().map_err(failed)? {
            self.stop.check()?;
            self.entry(&from, &name, &to, depth)?;
        }
        self.state().copied.push((to, entry));
        Ok(())
    }

    fn entry(&self, from: &Arc<Dir>, name: &OsStr, to: &Path, depth: usize) -> Result<()> {
        let target = to.join(name);
        let failed = |error| Error::io("copy", &from.path_of(name), error);
        match from.kind(name).map_err(failed)? {
            // Removed meanwhile.
            None => Ok(()),
            Some(Kind::Directory) => {
                self.state().waiting.push(Job {
                    directory: Source::In(Arc::clone(from), name.to_owned()),
                    to: target,
                    depth: depth + 1,
                });
                self.changed.notify_one();
                Ok(())
            }
            Some(Kind::File) => {
                let file = match from.file(name) {
                    Err(error) if is_gone(&error) => return Ok(()),
                    opened => opened.map_err(failed)?,
                };
                self.file(&file, &target).map_err(failed)
            }
            Some(Kind::Link | Kind::Special) => self.other(&from.path_of(name), &target).map_err(failed),
        }
    }

    fn file(&self, from: &File, to: &Path) -> io::Result<()> {
        let meta = from.metadata()?;
        if meta.nlink() == 1 {
            return self.copy(from, &meta, to);
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (meta.dev(), meta.ino());
        if let Some(first) = names.get(&key) {
            return fs::hard_link(first, to);
        }
        self.copy(from, &meta, to)?;
        names.insert(key, to.to_owned());
        Ok(())
    }

    fn copy(&self, from: &File, meta: &Metadata, to: &Path) -> io::Result<()> {
        (self.look)(to.strip_prefix(self.top).unwrap_or(to), from, meta)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(to)?;
        copy_content(from, meta.len(), &mut file)?;
        let kind = EntryKind::File {
            size: meta.len(),
            chunks: Vec::new(),
        };
        let mut entry = described(&TreePath::root(), kind, meta);
        entry.xattrs = xattrs::read(from)?;
        set_attributes_of(&entry, &file, &self.me)
    }

    fn other(&self, from: &Path, to: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(from)?;
        let kind = match meta.is_symlink() {
            true => {
                let target = fs::read_link(from)?;
                symlink(&target, to)?;
                let target = target.as_os_str().as_bytes().into();
                EntryKind::Link { target }
            }
            false => match special_kind(&meta) {
                Some(kind) => {
                    make_special(&kind, to)?;
                    kind
                }
                // A socket ends with its process.
                None => return Ok(()),
            },
        };
        set_attributes(&described(&TreePath::root(), kind, &meta), to, &self.me)
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

/// Copies the content of a file of this size that has just been opened; shared with the original if
/// the file system can do that, and it saves time.
pub(crate) fn copy_content(from: &File, size: u64, to: &mut File) -> io::Result<()> {
    let mut from = from;
    if size <= SMALL {
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        from.take(size).read_to_end(&mut content)?;
        return to.write_all(&content);
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&*to, from).is_ok() {
        return Ok(());
    }
    io::copy(&mut from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let base = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| base.path().join(name));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        (base, from, to)
    }

    #[test]
    fn socket_is_not_copied() {
        let (_base, from, to) = directories();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        fs::write(from.join("file"), "content").unwrap();
        clone_tree(&from, &to, &Stop::default()).unwrap();
        let names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["file"]);
        assert_eq!(fs::read(to.join("file")).unwrap(), b"content");
    }

    #[test]
    fn first_failure_ends_the_copy() {
        let (_base, from, to) = directories();
        for number in 0..100 {
            fs::create_dir(from.join(number.to_string())).unwrap();
            fs::write(from.join(number.to_string()).join("file"), "content").unwrap();
        }
        let refused = |_: &Path, _: &File, _: &Metadata| Err(io::ErrorKind::StorageFull.into());
        let error = clone_tree_with(&from, &to, &Stop::default(), &refused).unwrap_err();
        assert!(error.to_string().starts_with("cannot copy "), "{error}");
        let copied = fs::read_dir(&to).unwrap().filter(|made| {
            let made = made.as_ref().unwrap().path();
            made.join("file").exists()
        });
        assert_eq!(copied.count(), 0);
    }

    #[test]
    fn tree_that_is_too_deep_is_not_copied() {
        let (_base, from, to) = directories();
        fs::create_dir_all(from.join("d/".repeat(DEEPEST + 1))).unwrap();
        let error = clone_tree(&from, &to, &Stop::default()).unwrap_err();
        assert!(
            error.to_string().contains("more than 256 directories deep"),
            "{error}"
        );
    }

    #[test]
    fn file_that_shrinks_is_copied_as_it_is() {
        let (_base, from, to) = directories();
        fs::write(from.join("file"), "short").unwrap();
        let source = File::open(from.join("file")).unwrap();
        let mut target = File::create(to.join("file")).unwrap();
        copy_content(&source, 1000, &mut target).unwrap();
        assert_eq!(fs::read(to.join("file")).unwrap(), b"short");
        // A directory cannot be read.
        let directory = File::open(&from).unwrap();
        copy_content(&directory, 1000, &mut target).unwrap_err();
    }
}
