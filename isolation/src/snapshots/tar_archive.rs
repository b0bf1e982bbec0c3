//! The files of a part as a tar archive, and from one.
//!
//! Attributes for which the old header has no room are in extended headers (PAX): times below a
//! second, large numbers, long names, extended attributes.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::archive_entries::{self, Described, XATTR};
use super::entry::{Entry, EntryKind, TreePath};
use super::part_reader::PartReader;
use super::part_writer::PartWriter;
use super::progress::Reporter;
use super::store::writer::{from_reader, to_writer};
use crate::error::{Error, ErrorKind, Result};

/// The padding of an archive.
const ZEROS: [u8; 512] = [0; 512];

impl PartWriter {
    /// Takes the files of a tar archive. `skip` leaves out paths, with everything below a
    /// directory.
    pub fn add_archive(&mut self, archive: impl Read, skip: impl Fn(&TreePath) -> bool) -> Result<()> {
        self.add_archive_below(archive, &TreePath::root(), &[], skip)
    }

    /// As [`add_archive`](Self::add_archive); the first part of each path, `name`, becomes `at`.
    pub(crate) fn add_archive_below(
        &mut self,
        archive: impl Read,
        at: &TreePath,
        name: &[u8],
        skip: impl Fn(&TreePath) -> bool,
    ) -> Result<()> {
        archive_entries::each(archive, |described, content| {
            let Some(found) = entry_of(described, at, name)?.filter(|found| !skip(&found.path)) else {
                return Ok(());
            };
            match found.kind {
                EntryKind::File { .. } => self.add_file(found, content),
                _ => self.add(found),
            }
        })
    }

    /// Takes the first entry of an archive, which must be a directory; returns whether it is.
    pub(crate) fn add_first_below(&mut self, archive: impl Read, at: &TreePath, name: &[u8]) -> Result<bool> {
        let Some(first) = archive_entries::first(archive)? else {
            return Ok(false);
        };
        match entry_of(first, at, name)? {
            Some(found) if found.kind == EntryKind::Directory && found.path == *at => {
                self.add(found).map(|()| true)
            }
            _ => Ok(false),
        }
    }
}

/// The path in the part of a path in an archive.
fn moved(path: &[u8], at: &TreePath, name: &[u8]) -> Result<TreePath> {
    let path = TreePath::normal(path)?;
    let name = TreePath::normal(name)?;
    if name.is_root() {
        return Ok(path);
    }
    let rest = path.as_bytes().strip_prefix(name.as_bytes()).unwrap_or_default();
    TreePath::normal(&[at.as_bytes(), b"/", rest].concat())
}

/// An entry of an archive as one of a part; `None` for one without a file. The links of an archive
/// of a directory begin with its name, too.
fn entry_of(described: Described, at: &TreePath, name: &[u8]) -> Result<Option<Entry>> {
    let (major, minor) = described.device;
    let kind = match described.kind {
        EntryType::Directory => EntryKind::Directory,
        EntryType::Regular | EntryType::Continuous => EntryKind::File {
            size: 0,
            chunks: Vec::new(),
        },
        EntryType::Symlink => EntryKind::Link {
            target: described.link.into(),
        },
        EntryType::Link => EntryKind::HardLink {
            target: moved(&described.link, at, name)?,
        },
        EntryType::Fifo => EntryKind::Pipe,
        EntryType::Char => EntryKind::CharDevice { major, minor },
        EntryType::Block => EntryKind::BlockDevice { major, minor },
        _ => return Ok(None),
    };
    Ok(Some(Entry {
        path: moved(described.path.as_bytes(), at, name)?,
        kind,
        mode: described.mode,
        uid: described.user,
        gid: described.group,
        mtime: described.changed,
        xattrs: described.xattrs,
        stamp: None,
    }))
}

impl PartReader {
    /// Writes the files as a tar archive whose names begin at the root of the part. `keep` leaves
    /// out entries.
    pub fn write_archive(&self, to: &mut impl Write, keep: impl Fn(&Entry) -> bool) -> Result<()> {
        self.write_entries(to, keep, Entry::clone)
    }

    /// The same; each name begins with the path of a directory.
    pub(crate) fn write_archive_below(
        &self,
        top: &TreePath,
        whole_seconds: bool,
        to: &mut impl Write,
    ) -> Result<()> {
        let moved = |entry: &Entry| {
            let mut entry = entry.in_directory(top);
            if whole_seconds {
                entry.mtime.1 = 0;
            }
            entry
        };
        self.write_entries(to, |_| true, moved)
    }

    fn write_entries(
        &self,
        to: &mut impl Write,
        keep: impl Fn(&Entry) -> bool,
        change: impl Fn(&Entry) -> Entry,
    ) -> Result<()> {
        let mut progress = self.reporter();
        for entry in self.entries()?.iter().filter(|entry| keep(entry)) {
            self.write_entry(&change(entry), to, &mut progress)?;
            progress.entry();
        }
        progress.end();
        // The end of an archive.
        to.write_all(&[ZEROS; 2].concat()).map_err(from_reader)
    }

    fn write_entry(&self, entry: &Entry, to: &mut impl Write, progress: &mut Reporter) -> Result<()> {
        check_attributes(entry)?;
        let extended = extensions(entry);
        if !extended.is_empty() {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::XHeader);
            header.set_size(extended.len() as u64);
            header.set_mode(0o644);
            set_name(&mut header, b"pax");
            header.set_cksum();
            write_block(to, &header, &extended)?;
        }
        let mut header = Header::new_ustar();
        let is_directory = entry.kind == EntryKind::Directory;
        header.set_entry_type(match entry.kind {
            EntryKind::Directory => EntryType::Directory,
            EntryKind::File { .. } => EntryType::Regular,
            EntryKind::Link { .. } => EntryType::Symlink,
            EntryKind::HardLink { .. } => EntryType::Link,
            EntryKind::Pipe => EntryType::Fifo,
            EntryKind::CharDevice { .. } => EntryType::Char,
            EntryKind::BlockDevice { .. } => EntryType::Block,
        });
        set_name(&mut header, &name_of(entry));
        if let Some(target) = target_of(entry) {
            let end = target
                .len()
                .min(header.as_ustar_mut().map_or(0, |ustar| ustar.linkname.len()));
            if let Some(ustar) = header.as_ustar_mut() {
                ustar.linkname[..end].copy_from_slice(&target[..end]);
            }
        }
        let (major, minor) = match entry.kind {
            EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
                (major, minor)
            }
            _ => (0, 0),
        };
        let failed = |error: io::Error| Error::new(ErrorKind::Corrupt, error.to_string());
        header.set_device_major(major).map_err(failed)?;
        header.set_device_minor(minor).map_err(failed)?;
        header.set_mode(entry.mode);
        // A number without room is in the extended header.
        let small = |number: u64| if number < 1 << 21 { number } else { 0 };
        header.set_uid(small(entry.uid));
        header.set_gid(small(entry.gid));
        header.set_size(match is_directory {
            true => 0,
            false => entry.size(),
        });
        header.set_mtime(u64::try_from(entry.mtime.0).unwrap_or_default().min(1 << 32));
        header.set_cksum();
        to.write_all(header.as_bytes()).map_err(to_writer)?;
        if let EntryKind::File { size, .. } = entry.kind {
            self.copy_with(entry, to, |bytes| progress.bytes(bytes))?;
            pad(to, size)?;
        }
        Ok(())
    }
}

/// A directory ends with `/`, as programs expect it.
fn name_of(entry: &Entry) -> Vec<u8> {
    let path = entry.path.as_bytes();
    match (entry.path.is_root(), entry.kind == EntryKind::Directory) {
        (true, _) => b"./".to_vec(),
        (false, true) => [path, b"/"].concat(),
        (false, false) => path.to_vec(),
    }
}

fn target_of(entry: &Entry) -> Option<&[u8]> {
    match &entry.kind {
        EntryKind::Link { target } => Some(target.as_slice()),
        EntryKind::HardLink { target } => Some(target.as_bytes()),
        _ => None,
    }
}

/// The length of a name in the old header.
const NAME: usize = 100;

fn set_name(header: &mut Header, name: &[u8]) {
    if let Some(ustar) = header.as_ustar_mut() {
        let end = name.len().min(NAME);
        ustar.name[..end].copy_from_slice(&name[..end]);
    }
}

/// Refuses names of attributes that a reader would cut.
fn check_attributes(entry: &Entry) -> Result<()> {
    match entry.xattrs.keys().find(|name| name.as_slice().contains(&b'=')) {
        Some(name) => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{} has the extended attribute {name:?}, and an archive has no names with an equals sign; \
                 remove it: setfattr -x",
                entry.path
            ),
        )),
        None => Ok(()),
    }
}

/// The extended header of an entry; empty without one.
fn extensions(entry: &Entry) -> Vec<u8> {
    let mut text = Vec::new();
    let name = name_of(entry);
    if name.len() > NAME || !name.is_ascii() {
        record(&mut text, b"path", &name);
    }
    if let Some(target) = target_of(entry).filter(|target| target.len() > NAME || !target.is_ascii()) {
        record(&mut text, b"linkpath", target);
    }
    for (key, number) in [(b"uid", entry.uid), (b"gid", entry.gid)] {
        if number >= 1 << 21 {
            record(&mut text, key, number.to_string().as_bytes());
        }
    }
    if entry.size() >= 1 << 33 {
        record(&mut text, b"size", entry.size().to_string().as_bytes());
    }
    let (seconds, nanos) = entry.mtime;
    if nanos > 0 || !(0..1 << 32).contains(&seconds) {
        record(&mut text, b"mtime", written_time(seconds, nanos).as_bytes());
    }
    for (name, value) in &entry.xattrs {
        record(
            &mut text,
            &[XATTR.as_bytes(), name.as_slice()].concat(),
            value.as_slice(),
        );
    }
    text
}

fn written_time(seconds: i64, nanos: u32) -> String {
    match (seconds < 0, nanos) {
        (_, 0) => seconds.to_string(),
        (false, nanos) => format!("{seconds}.{nanos:09}"),
        // The fraction counts away from zero.
        (true, nanos) => match seconds + 1 {
            0 => format!("-0.{:09}", 1_000_000_000 - nanos),
            whole => format!("{whole}.{:09}", 1_000_000_000 - nanos),
        },
    }
}

/// `LENGTH KEY=VALUE`: the length counts itself.
fn record(text: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    text.extend_from_slice(format!("{length} ").as_bytes());
    text.extend_from_slice(key);
    text.push(b'=');
    text.extend_from_slice(value);
    text.push(b'\n');
}

fn write_block(to: &mut impl Write, header: &Header, content: &[u8]) -> Result<()> {
    to.write_all(header.as_bytes()).map_err(to_writer)?;
    to.write_all(content).map_err(to_writer)?;
    pad(to, content.len() as u64)
}

fn pad(to: &mut impl Write, size: u64) -> Result<()> {
    let rest = usize::try_from(size % 512).unwrap_or_default();
    match rest {
        0 => Ok(()),
        rest => to.write_all(&ZEROS[rest..]).map_err(to_writer),
    }
}

#[cfg(test)]
mod tests;
