//! Copies files and directories of this machine: permissions and times are kept, links are copied
//! as links.
//!
//! A file is always replaced, never opened: it could be a hard link to another file, a link, or a
//! pipe. It appears under its name when it is complete. Directories are opened one by one, so that
//! a link that replaces a directory is not followed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::CopySource;
use super::dir::{Dir, Kind, set_attributes};
use crate::environment::id::random_hex;
use crate::error::{Error, Result};

/// The number of bytes that are copied between two checks for cancellation.
const PIECE: u64 = 4 << 20;

/// The maximum depth of a directory. Each level needs two file descriptors.
const DEEPEST: usize = 256;

/// Cancels a copy on another thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Cancels the copy when it is dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(pub(crate) Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    /// Fails if it was cancelled.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::invalid("the copy was cancelled")),
            false => Ok(()),
        }
    }
}

/// The place of a file or directory: a name in an open directory.
#[derive(Debug)]
pub(crate) struct Place {
    directory: Dir,
    name: OsString,
}

impl Place {
    /// A name in an open directory.
    pub(crate) fn new(directory: Dir, name: OsString) -> Self {
        Self { directory, name }
    }

    /// A path of this machine; links in its parent directories are followed.
    pub(crate) fn on_host(path: &Path) -> Result<Self> {
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => path,
        };
        let directory = Dir::open(parent).map_err(|e| Error::io("open the directory", parent, e))?;
        // A path without a name is the root or ends with `..`.
        let name = path.file_name().unwrap_or(OsStr::new(".")).to_owned();
        let directory = match path.file_name() {
            Some(_) => directory,
            None => Dir::open(path).map_err(|e| Error::io("open the directory", path, e))?,
        };
        Ok(Self { directory, name })
    }

    /// A path at or below `top` that contains no links. If a link replaces a directory at the same
    /// time, that is an error.
    pub(crate) fn inside(top: &Path, path: &Path) -> Result<Self> {
        Self::below(top, path, Dir::directory)
    }

    /// Like [`inside`](Self::inside); also creates the directories between `top` and `path`, but
    /// never `top` itself: if it is missing, the environment was destroyed and must not reappear as
    /// an empty directory.
    pub(crate) fn made_inside(top: &Path, path: &Path) -> Result<Self> {
        Self::below(top, path, Dir::make_directory)
    }

    fn below(top: &Path, path: &Path, open: impl Fn(&Dir, &OsStr) -> io::Result<Dir>) -> Result<Self> {
        let Some(between) = path.parent().and_then(|parent| parent.strip_prefix(top).ok()) else {
            return Self::on_host(path);
        };
        let mut directory = Dir::open(top).map_err(|e| Error::io("open the directory", top, e))?;
        for name in between {
            let next = open(&directory, name);
            directory = next.map_err(|e| Error::io("open the directory", &directory.path_of(name), e))?;
        }
        let name = path.file_name().unwrap_or(OsStr::new(".")).to_owned();
        Ok(Self { directory, name })
    }

    /// The directory, and the name in it.
    pub(crate) fn parts(&self) -> (&Dir, &OsStr) {
        (&self.directory, &self.name)
    }

    /// A path by which this process reaches the directory, whatever its own path is now.
    #[cfg(target_os = "linux")]
    pub(crate) fn reach(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.directory.as_file().as_raw_fd()).into()
    }

    /// The path of the directory.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn reach(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The directory here, which must exist.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_directory(self) -> Result<Dir> {
        match self.directory.directory(&self.name) {
            Ok(directory) => Ok(directory),
            Err(error) => Err(self.failed("open the directory", error)),
        }
    }

    /// Creates a directory here, unless it exists.
    pub(crate) fn make_directory(&self) -> Result<()> {
        let made = self.directory.make_directory(&self.name).map(drop);
        made.map_err(|e| self.failed("create the directory", e))
    }

    /// The type of the entry here; `None` if there is no entry.
    pub(crate) fn kind(&self) -> Result<Option<Kind>> {
        self.entry().kind()
    }

    /// At most the first `most` bytes of the file; `None` if it is not a file.
    #[cfg(target_os = "linux")]
    pub(crate) fn read(&self, most: u64) -> Result<Option<Vec<u8>>> {
        if self.kind()? != Some(Kind::File) {
            return Ok(None);
        }
        let mut content = Vec::new();
        let read = |file: File| file.take(most).read_to_end(&mut content);
        match self.directory.file(&self.name).and_then(read) {
            Ok(_) => Ok(Some(content)),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Whether it is in `/proc`, where a file may be the memory of this machine.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_in_proc(&self) -> Result<bool> {
        let found = rustix::fs::fstatfs(self.directory.as_file());
        let found = found.map_err(|e| self.failed("inspect", e.into()))?;
        Ok(found.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            directory: &self.directory,
            name: &self.name,
        }
    }

    fn failed(&self, action: &'static str, error: io::Error) -> Error {
        self.entry().failed(action, error)
    }
}

/// The owner of the files that a copy replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// An environment: pipes, sockets and devices are replaced.
    Environment,
    /// The user: pipes, sockets and devices are errors, because no copy should replace `/dev/null`.
    Host,
}

/// Copies a source into an environment. A link is followed.
pub(crate) fn bring(source: CopySource, to: &Place, stop: &Stop) -> Result<()> {
    match source {
        CopySource::Bytes { content, mode } => write_file(&content, mode, to),
        CopySource::Path(path) => {
            let from = path.canonicalize().map_err(|e| Error::io("read", &path, e))?;
            copy(&Place::on_host(&from)?, to, Target::Environment, stop)
        }
    }
}

/// Writes one file into an environment.
pub(crate) fn write_file(content: &[u8], mode: u32, to: &Place) -> Result<()> {
    let to = to.entry();
    to.make_way(Target::Environment)?;
    to.replace(|mut file| {
        file.write_all(content).map_err(|e| to.failed("write", e))?;
        let mode = Permissions::from_mode(mode & 0o7777);
        file.set_permissions(mode)
            .map_err(|e| to.failed("set the permissions of", e))
    })
}

/// Copies a file, a link or a directory with its contents. A directory is merged into a directory.
pub(crate) fn copy(from: &Place, to: &Place, target: Target, stop: &Stop) -> Result<()> {
    let copying = Copying {
        target,
        stop,
        top: None,
    };
    copying.copy(from.entry(), to.entry(), 0)
}

/// A name in an open directory.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    directory: &'a Dir,
    name: &'a OsStr,
}

impl Entry<'_> {
    fn failed(&self, action: &'static str, error: io::Error) -> Error {
        Error::io(action, &self.directory.path_of(self.name), error)
    }

    fn kind(&self) -> Result<Option<Kind>> {
        let kind = self.directory.kind(self.name);
        kind.map_err(|e| self.failed("inspect", e))
    }

    fn special(&self, operation: &str) -> Error {
        Error::invalid(format!(
            "cannot {operation} {}: it is a socket, a pipe or a device",
            self.directory.path_of(self.name).display()
        ))
    }

    /// Fails if a file or link must not replace the existing entry.
    fn make_way(&self, target: Target) -> Result<()> {
        match self.kind()? {
            Some(Kind::Directory) => Err(Error::invalid(format!(
                "cannot replace the directory {} with a file; give the full target path",
                self.directory.path_of(self.name).display()
            ))),
            Some(Kind::Special) if target == Target::Host => Err(self.special("replace")),
            _ => Ok(()),
        }
    }

    /// Creates a file under another name, and renames it when it is complete.
    fn replace(&self, fill: impl FnOnce(&File) -> Result<()>) -> Result<()> {
        self.place(|temporary| {
            let file = self.directory.create_file(temporary);
            fill(&file.map_err(|e| self.failed("write", e))?)
        })
    }

    fn place(&self, make: impl FnOnce(&OsStr) -> Result<()>) -> Result<()> {
        let temporary = OsString::from(format!(".isolation-copy-{}", random_hex()));
        let renamed = make(&temporary).and_then(|()| {
            let renamed = self.directory.rename(&temporary, self.directory, self.name);
            renamed.map_err(|e| self.failed("write", e))
        });
        if renamed.is_err() {
            // If it could not be created, there is nothing to remove. The first error is reported.
            let _ = self.directory.remove_file(&temporary);
        }
        renamed
    }
}

struct Copying<'a> {
    target: Target,
    stop: &'a Stop,
    /// The target directory: device and inode number.
    top: Option<(u64, u64)>,
}

impl Copying<'_> {
    fn copy(&self, from: Entry<'_>, to: Entry<'_>, depth: usize) -> Result<()> {
        self.stop.check()?;
        match from.kind()? {
            None => Err(Error::not_found(format!(
                "{} does not exist",
                from.directory.path_of(from.name).display()
            ))),
            Some(Kind::Directory) => self.copy_directory(from, to, depth),
            Some(Kind::File) => self.copy_file(from, to),
            Some(Kind::Link) => self.copy_link(from, to),
            // Reading a pipe could wait forever; skipping it silently would lose it.
            Some(Kind::Special) => Err(from.special("copy")),
        }
    }

    fn copy_directory(&self, from: Entry<'_>, to: Entry<'_>, depth: usize) -> Result<()> {
        let source = from.directory.directory(from.name);
        let source = source.map_err(|e| from.failed("open the directory", e))?;
        let metadata = source.metadata().map_err(|e| from.failed("inspect", e))?;
        if self.top == Some((metadata.dev(), metadata.ino())) {
            // The directory is copied into itself. Without this check, the copy would never end.
            return Ok(());
        }
        if depth > DEEPEST {
            let path = source.path().display();
            return Err(Error::invalid(format!(
                "{path} is more than {DEEPEST} directories deep; copy an archive of it"
            )));
        }
        let (made, inside, was_there) = self.open_target(to)?;
        let top = self.top.or(Some((inside.dev(), inside.ino())));
        let below = Copying { top, ..*self };
        for name in source.names().map_err(|e| from.failed("list", e))? {
            let entry = |directory| Entry {
                directory,
                name: &name,
            };
            below.copy(entry(&source), entry(&made), depth + 1)?;
        }
        // The permissions and the time are set last: no file can be created in a read-only
        // directory, and each new file changes the time.
        // A top that was there may be a directory of many programs, and of another user.
        let set = match was_there && depth == 0 {
            true if inside.mode() & 0o300 == 0o300 => Ok(()),
            true => made.set_mode(inside.mode() & 0o7777),
            false => set_attributes(made.as_file(), &metadata),
        };
        set.map_err(|e| to.failed("set the permissions of", e))
    }

    /// Creates or opens a target directory; returns also what it was, and whether it was there. A
    /// link is replaced, because it could lead to any place.
    fn open_target(&self, to: Entry<'_>) -> Result<(Dir, fs::Metadata, bool)> {
        let kind = to.kind()?;
        match kind {
            None | Some(Kind::Directory) => {}
            Some(Kind::Link) => {
                let removed = to.directory.remove_file(to.name);
                removed.map_err(|e| to.failed("replace", e))?;
            }
            Some(Kind::File | Kind::Special) => {
                return Err(Error::invalid(format!(
                    "cannot replace the file {} with a directory; give the full target path",
                    to.directory.path_of(to.name).display()
                )));
            }
        }
        let made = to.directory.make_directory(to.name);
        let made = made.map_err(|e| to.failed("create the directory", e))?;
        let meta = made.metadata().map_err(|e| to.failed("inspect", e))?;
        if meta.mode() & 0o300 != 0o300 {
            // If it belongs to another user, the creation of the first file reports that.
            let _ = made.set_mode(meta.mode() & 0o7777 | 0o700);
        }
        Ok((made, meta, kind == Some(Kind::Directory)))
    }

    fn copy_file(&self, from: Entry<'_>, to: Entry<'_>) -> Result<()> {
        to.make_way(self.target)?;
        let unreadable = |e| from.failed("read", e);
        let source = from.directory.file(from.name).map_err(unreadable)?;
        let metadata = source.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(from.special("copy"));
        }
        to.replace(|mut file| {
            loop {
                self.stop.check()?;
                let copied = io::copy(&mut (&source).take(PIECE), &mut file);
                if copied.map_err(|e| to.failed("copy to", e))? < PIECE {
                    break;
                }
            }
            set_attributes(file, &metadata).map_err(|e| to.failed("set the permissions of", e))
        })
    }

    fn copy_link(&self, from: Entry<'_>, to: Entry<'_>) -> Result<()> {
        to.make_way(self.target)?;
        let target = from.directory.link_target(from.name);
        let target = target.map_err(|e| from.failed("read", e))?;
        to.place(|temporary| {
            let made = to.directory.make_link(temporary, &target);
            made.map_err(|e| to.failed("create the link", e))
        })
    }
}

#[cfg(test)]
mod tests;
