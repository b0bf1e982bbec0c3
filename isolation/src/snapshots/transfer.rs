//! A snapshot as one file, for another machine.
//!
//! The file is a tar archive: `manifest.json`, then `chunks/DIGEST` or `chunks/DIGEST.lz4` for each
//! chunk. Everything is compared with its digest when it is read.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::archive_entries::{self, Described};
use super::digest::Digest;
use super::entry::TreePath;
use super::manifest::{Manifest, Part, Snapshot};
use super::store::pack::LARGEST_CHUNK;
use super::store::writer::{StoreWriter, to_writer};
use super::store::{Session, SnapshotStore, sync_directory};
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};

const MANIFEST: &str = "manifest.json";

const SHORT: &str = "it ends too early; copy the whole file again";

impl SnapshotStore {
    /// Writes a snapshot as one archive, which [`import`](Self::import) takes on another machine.
    /// Returns the number of chunks. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Corrupt`](ErrorKind::Corrupt) if the snapshot is damaged.
    pub fn export(&self, snapshot: &Snapshot, target: impl Write) -> Result<u64> {
        let exported = self.write_archive(snapshot, target);
        exported.map_err(|error| error.during("export the snapshot", &snapshot.id.short()))
    }

    fn write_archive(&self, snapshot: &Snapshot, target: impl Write) -> Result<u64> {
        let session = self.session()?;
        let mut archive = tar::Builder::new(target);
        let text = self.manifest_text(&snapshot.id)?;
        append(&mut archive, MANIFEST, &text)?;
        let mut written = HashSet::new();
        for digest in needed(&session, &snapshot.manifest)? {
            if written.insert(digest) {
                let chunk = session.chunk(&digest)?;
                let compressed = lz4_flex::block::compress_prepend_size(&chunk);
                match compressed.len() < chunk.len() {
                    true => append(&mut archive, &format!("chunks/{digest}.lz4"), &compressed)?,
                    false => append(&mut archive, &format!("chunks/{digest}"), &chunk)?,
                }
            }
        }
        let mut target = archive.into_inner().map_err(to_writer)?;
        target.flush().map_err(to_writer)?;
        Ok(written.len() as u64)
    }

    /// Reads a snapshot that [`export`](Self::export) wrote. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Corrupt`](ErrorKind::Corrupt) if the archive is damaged or not complete. The
    /// store has every earlier snapshot, and nothing of this one, then.
    pub fn import(&self, source: impl Read) -> Result<Snapshot> {
        let imported = self.read_archive(source);
        imported.map_err(|error| error.during("import a snapshot", ""))
    }

    fn read_archive(&self, source: impl Read) -> Result<Snapshot> {
        let mut writer = self.writer()?;
        let (mut text, mut names, mut is_ours) = (None, HashSet::new(), false);
        let read = archive_entries::each(Source(source), |found, content| {
            let taken = take(&found, content, &mut names, &mut text, &mut writer);
            is_ours = taken.is_err();
            taken
        });
        read.map_err(|error| match (error.kind(), &text) {
            _ if is_ours => error,
            (ErrorKind::Corrupt, None) => no_archive(),
            // The words of the reader may have text of the file in them.
            (ErrorKind::Corrupt, Some(_)) => damaged(&format!("a header is not valid, or {SHORT}")),
            _ => error,
        })?;
        let text = text.ok_or_else(no_archive)?;
        let manifest = Manifest::read(&text).map_err(|error| match text.first() {
            // The list of an image has the same name.
            Some(b'[') => no_archive(),
            _ => error,
        })?;
        writer.finish()?;
        // With the chunks that were added: every one must be there.
        let session = self.session()?;
        drop(writer);
        manifest.parts.iter().try_for_each(|part| check(&session, part))?;
        self.mark_foreign(&text)?;
        self.publish_text(&session, &text, manifest)
    }
}

/// Refuses a part without all of its chunks, or with other sizes than it says.
fn check(session: &Session, part: &Part) -> Result<()> {
    let length = |digest: &Digest| {
        let missing = || damaged(&format!("the chunk {} is missing", digest.short()));
        session.length(digest).ok_or_else(missing)
    };
    for digest in &part.tree {
        length(digest)?;
    }
    let entries = part.entries(session)?;
    let mut bytes: u64 = 0;
    for entry in &entries {
        let mut size: u64 = 0;
        for digest in entry.chunks() {
            size += u64::from(length(digest)?);
        }
        if size != entry.size() {
            let size = counted(size, "byte", "bytes");
            let why = format!("{} has {size} instead of {}", entry.path, entry.size());
            return Err(damaged(&why));
        }
        bytes += size;
    }
    match (part.entries, part.bytes) == (entries.len() as u64, bytes) {
        true => Ok(()),
        false => Err(damaged(&format!("the part {} has another size", part.name))),
    }
}

/// The chunks of a snapshot: lists first, then files.
fn needed(session: &Session, manifest: &Manifest) -> Result<Vec<Digest>> {
    let mut all = Vec::new();
    for part in &manifest.parts {
        all.extend(part.tree.iter().copied());
        let entries = part.entries(session)?;
        all.extend(entries.iter().flat_map(|entry| entry.chunks().iter().copied()));
    }
    Ok(all)
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, content: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, name, content).map_err(to_writer)
}

/// A reader that says why it cannot be read: otherwise the archive would count as damaged.
struct Source<R>(R);

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) if error.kind() != io::ErrorKind::Interrupted => {
                let why = format!("the archive cannot be read: {error}");
                io::Error::other(Error::new(ErrorKind::Io, why))
            }
            _ => error,
        })
    }
}

/// Takes a file of an archive: the manifest, or a chunk.
fn take(
    found: &Described,
    content: &mut dyn Read,
    names: &mut HashSet<TreePath>,
    text: &mut Option<Vec<u8>>,
    writer: &mut StoreWriter,
) -> Result<()> {
    let name = String::from_utf8_lossy(found.path.as_bytes());
    let chunk = name.strip_prefix("chunks/");
    if name != MANIFEST && chunk.is_none() {
        return Ok(());
    }
    if !names.insert(found.path.clone()) {
        return Err(damaged("a file is in it twice"));
    }
    let Some(chunk) = chunk else {
        *text = Some(read(content, found.size, SnapshotStore::LARGEST_MANIFEST)?);
        return Ok(());
    };
    let content = read(content, found.size, u64::from(LARGEST_CHUNK) + 1024)?;
    let (digest, content) = match chunk.strip_suffix(".lz4") {
        Some(digest) => (digest, unpacked(&content)?),
        None => (chunk, content),
    };
    let digest: Digest = digest
        .parse()
        .map_err(|_| damaged("a chunk has no digest as its name"))?;
    if Digest::of(&content) != digest {
        return Err(damaged(&format!("the chunk {} is damaged", digest.short())));
    }
    writer.put(&content).map(drop)
}

/// Reads the content of a file of an archive, which has `size` bytes, and at most `most`.
fn read(content: &mut dyn Read, size: u64, most: u64) -> Result<Vec<u8>> {
    if size > most {
        return Err(damaged("a file in it is too long"));
    }
    let mut bytes = Vec::new();
    content
        .read_to_end(&mut bytes)
        .map_err(archive_entries::damaged)?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(damaged(SHORT)),
    }
}

fn unpacked(content: &[u8]) -> Result<Vec<u8>> {
    let invalid = || damaged("a compressed chunk is damaged");
    let (size, rest) = lz4_flex::block::uncompressed_size(content).map_err(|_| invalid())?;
    if size > LARGEST_CHUNK as usize {
        return Err(damaged("a chunk is too large"));
    }
    lz4_flex::block::decompress(rest, size).map_err(|_| invalid())
}

/// Another file, such as an image.
fn no_archive() -> Error {
    let why = "it is no archive of a snapshot; `isolate snapshot export`, without --oci, writes one";
    Error::new(ErrorKind::Corrupt, why)
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the archive is damaged: {why}"))
}

impl SnapshotStore {
    /// Writes an archive into a file that does not exist, which appears when it is complete. This
    /// blocks.
    pub fn export_to(&self, snapshot: &Snapshot, path: &Path) -> Result<u64> {
        self.write_file(path, |file| self.export(snapshot, file))
    }

    /// Writes an image into a file that does not exist, which appears when it is complete. This
    /// blocks.
    ///
    /// # Errors
    ///
    /// As for [`export_image`](Self::export_image).
    pub fn export_image_to(&self, snapshot: &Snapshot, name: &str, path: &Path) -> Result<()> {
        self.write_file(path, |file| self.export_image(snapshot, name, file))
    }

    fn write_file<T>(&self, path: &Path, fill: impl FnOnce(BufWriter<&File>) -> Result<T>) -> Result<T> {
        if path.symlink_metadata().is_ok() {
            let why = format!(
                "{} exists already; choose another name, or remove it",
                path.display()
            );
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        let failed = |error| Error::io("write", path, error);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = path.with_file_name(format!(".{name}.{}", crate::environment::id::random_hex()));
        let written = (|| {
            let file = self.disk().create(&new).map_err(failed)?;
            let filled = fill(BufWriter::new(&file))?;
            file.sync_all().map_err(failed)?;
            publish(&new, path).map_err(failed)?;
            sync_directory(&**self.disk(), path).map_err(failed)?;
            Ok(filled)
        })();
        // A part of an archive is of no use.
        let _ = fs::remove_file(&new);
        written
    }
}

/// Gives a file its name. A file that was created meanwhile is not replaced, except on a file
/// system without hard links, such as those of memory cards.
fn publish(new: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(new, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && path.symlink_metadata().is_err() => {
            fs::rename(new, path)
        }
        linked => linked,
    }
}
