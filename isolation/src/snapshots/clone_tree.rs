//! Copies a directory of this machine with everything that a snapshot of it would have. Where the
//! file system can, files share their content until one of them is changed.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::directory_in::{described, is_gone, special_kind};
use super::directory_out::{Me, make_special, set_attributes};
use super::entry::{EntryKind, TreePath};
use super::xattrs;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::dir::{Dir, Kind};

/// How deep a directory may be. Each level holds a file descriptor.
const DEEPEST: usize = 256;

/// Copies the contents and the attributes of a directory into an empty one. A file with several
/// names in it has several names in the copy, but none in common with the original. This blocks.
pub(crate) fn clone_tree(from: &Path, to: &Path, stop: &Stop) -> Result<()> {
    let top = Dir::open(from).map_err(|e| Error::io("open the directory", from, e))?;
    let mut cloning = Cloning {
        names: HashMap::new(),
        me: Me::now(),
        stop,
    };
    cloning.contents(&top, to, 0)
}

struct Cloning<'a> {
    /// The first name of files with several names, by inode.
    names: HashMap<u64, PathBuf>,
    me: Me,
    stop: &'a Stop,
}

impl Cloning<'_> {
    fn contents(&mut self, from: &Dir, to: &Path, depth: usize) -> Result<()> {
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
            let (source, target) = (from.path_of(&name), to.join(&name));
            let failed = |error| Error::io("copy", &source, error);
            match from.kind(&name).map_err(failed)? {
                // Removed meanwhile.
                None => {}
                Some(Kind::Directory) => {
                    let inner = match from.directory(&name) {
                        Err(error) if is_gone(&error) => continue,
                        opened => opened.map_err(failed)?,
                    };
                    DirBuilder::new().mode(0o700).create(&target).map_err(failed)?;
                    self.contents(&inner, &target, depth + 1)?;
                }
                Some(Kind::File) => {
                    let file = match from.file(&name) {
                        Err(error) if is_gone(&error) => continue,
                        opened => opened.map_err(failed)?,
                    };
                    self.file(&file, &target).map_err(failed)?;
                }
                Some(Kind::Link | Kind::Special) => self.other(&source, &target).map_err(failed)?,
            }
        }
        // Last: each file changes the time, and a read-only directory takes none.
        set_attributes(&entry, to, &self.me).map_err(|e| Error::io("set the attributes of", to, e))
    }

    fn file(&mut self, from: &File, to: &Path) -> io::Result<()> {
        let meta = from.metadata()?;
        if meta.nlink() > 1 {
            if let Some(first) = self.names.get(&meta.ino()) {
                return fs::hard_link(first, to);
            }
            self.names.insert(meta.ino(), to.to_owned());
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(to)?;
        copy_content(from, &mut file)?;
        let kind = EntryKind::File {
            size: meta.len(),
            chunks: Vec::new(),
        };
        let mut entry = described(&TreePath::root(), kind, &meta);
        entry.xattrs = xattrs::read(from)?;
        set_attributes(&entry, to, &self.me)
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

/// Copies the content of a file; shared with the original if the file system can do that.
pub(crate) fn copy_content(from: &File, to: &mut File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&*to, from).is_ok() {
        return Ok(());
    }
    let mut from = from;
    io::copy(&mut from, to).map(drop)
}
