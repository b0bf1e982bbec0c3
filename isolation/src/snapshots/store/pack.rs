//! Packs: files with many chunks, and an index at the end.
//!
//! ```text
//! ISOLATEP                       the kind of the file
//! CHUNK ...                      compressed, or plain if that is not longer
//! DIGEST OFFSET STORED LENGTH    for each chunk: 32 + 8 + 4 + 4 bytes, numbers in little endian
//! DIGEST-OF-INDEX COUNT          32 + 8 bytes
//! PETALOSI                       the file is complete
//! ```

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, publish};
use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::digest::Digest;

const HEAD: &[u8; 8] = b"ISOLATEP";
const TAIL: &[u8; 8] = b"PETALOSI";
const ENTRY: usize = 48;
const FOOTER: u64 = 48;

/// The largest chunk, in bytes.
pub(crate) const LARGEST_CHUNK: u32 = 128 << 10;

/// A pack is complete when it has this size: a collection rewrites whole packs.
const PACK_SIZE: u64 = 64 << 20;

/// How much is written at a time.
const BUFFER: usize = 1 << 20;

/// Where a chunk is in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) offset: u64,
    /// Its length in the pack.
    pub(crate) stored: u32,
    /// Its length.
    pub(crate) length: u32,
}

/// Writes chunks into packs.
#[derive(Debug)]
pub(crate) struct PackWriter {
    disk: Arc<dyn Disk>,
    temporary: PathBuf,
    packs: PathBuf,
    open: Option<OpenPack>,
    /// The chunks of this writer.
    written: HashSet<Digest>,
    /// The bytes of packs that were written.
    bytes: u64,
    made: Vec<PathBuf>,
    /// A pack of this size is complete.
    largest: u64,
}

#[derive(Debug)]
struct OpenPack {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    offset: u64,
    index: Vec<(Digest, Location)>,
}

impl PackWriter {
    pub(super) fn new(disk: Arc<dyn Disk>, temporary: PathBuf, packs: PathBuf) -> Self {
        Self {
            disk,
            temporary,
            packs,
            open: None,
            written: HashSet::new(),
            bytes: 0,
            made: Vec::new(),
            largest: PACK_SIZE,
        }
    }

    /// How many bytes were written to the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.written.contains(digest)
    }

    /// Adds a chunk that is in no pack yet.
    pub(super) fn add(&mut self, digest: Digest, chunk: &[u8]) -> Result<()> {
        let compressed = lz4_flex::block::compress(chunk);
        let stored = match compressed.len() < chunk.len() {
            true => &compressed[..],
            false => chunk,
        };
        let failed = |path: &Path, error| Error::io("write the pack", path, error);
        let pack = match &mut self.open {
            Some(open) => open,
            None => {
                let path = self.temporary.join(format!("{}.pack", random_hex()));
                let file = self.disk.create(&path).map_err(|e| failed(&path, e))?;
                self.open.insert(OpenPack {
                    path,
                    file,
                    buffer: HEAD.to_vec(),
                    offset: HEAD.len() as u64,
                    index: Vec::new(),
                })
            }
        };
        let location = Location {
            offset: pack.offset,
            stored: length(stored)?,
            length: length(chunk)?,
        };
        pack.buffer.extend_from_slice(stored);
        pack.offset += stored.len() as u64;
        pack.index.push((digest, location));
        if pack.buffer.len() >= BUFFER {
            let written = self.disk.write(&mut pack.file, &pack.buffer);
            written.map_err(|e| failed(&pack.path, e))?;
            pack.buffer.clear();
        }
        self.written.insert(digest);
        if pack.offset >= self.largest {
            self.complete()?;
        }
        Ok(())
    }

    /// Completes the packs: every added chunk survives a power failure from now on.
    pub(super) fn finish(&mut self) -> Result<Vec<PathBuf>> {
        self.complete()?;
        Ok(std::mem::take(&mut self.made))
    }

    fn complete(&mut self) -> Result<()> {
        let Some(mut pack) = self.open.take() else {
            return Ok(());
        };
        let index = write_index(&pack.index);
        pack.buffer.extend_from_slice(&index);
        pack.buffer.extend_from_slice(Digest::of(&index).as_bytes());
        pack.buffer
            .extend_from_slice(&(pack.index.len() as u64).to_le_bytes());
        pack.buffer.extend_from_slice(TAIL);
        let target = self.packs.join(pack.path.file_name().unwrap_or_default());
        let written = self
            .disk
            .write(&mut pack.file, &pack.buffer)
            .and_then(|()| publish(&*self.disk, &pack.file, &pack.path, &target));
        if let Err(error) = written {
            // The collection removes what is left.
            let _ = self.disk.remove(&pack.path);
            return Err(Error::io("write the pack", &target, error));
        }
        self.bytes += pack.offset + index.len() as u64 + FOOTER;
        self.made.push(target);
        Ok(())
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if let Some(pack) = self.open.take() {
            // The collection removes what is left.
            let _ = self.disk.remove(&pack.path);
        }
    }
}

fn length(bytes: &[u8]) -> Result<u32> {
    u32::try_from(bytes.len())
        .ok()
        .filter(|length| *length <= LARGEST_CHUNK)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "a chunk is too large"))
}

fn write_index(index: &[(Digest, Location)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(index.len() * ENTRY);
    for (digest, location) in index {
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(&location.offset.to_le_bytes());
        bytes.extend_from_slice(&location.stored.to_le_bytes());
        bytes.extend_from_slice(&location.length.to_le_bytes());
    }
    bytes
}

/// Reads the index of a pack. The error is a sentence about the pack.
pub(super) fn read_index(file: &File) -> io::Result<std::result::Result<Vec<(Digest, Location)>, String>> {
    let size = file.metadata()?.len();
    if size < HEAD.len() as u64 + FOOTER {
        return Ok(Err("it is too short".to_owned()));
    }
    let (mut head, mut footer) = ([0; 8], [0; FOOTER as usize]);
    file.read_exact_at(&mut head, 0)?;
    file.read_exact_at(&mut footer, size - FOOTER)?;
    if &head != HEAD || &footer[40..] != TAIL {
        return Ok(Err("it is not complete".to_owned()));
    }
    let count = u64::from_le_bytes(array(&footer[32..40]));
    let space = size - FOOTER - HEAD.len() as u64;
    let Some(bytes) = count.checked_mul(ENTRY as u64).filter(|bytes| *bytes <= space) else {
        return Ok(Err("its index is longer than the file".to_owned()));
    };
    let begin = size - FOOTER - bytes;
    let chunks = begin - HEAD.len() as u64;
    // A file with a hole can be of any size, with an index that no memory holds.
    if chunks > PACK_SIZE + u64::from(LARGEST_CHUNK) || count > chunks {
        return Ok(Err("its index is invalid".to_owned()));
    }
    let mut index = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact_at(&mut index, begin)?;
    if Digest::of(&index).as_bytes() != &footer[..32] {
        return Ok(Err("its index is damaged".to_owned()));
    }
    let mut found = Vec::with_capacity(index.len() / ENTRY);
    for entry in index.chunks_exact(ENTRY) {
        let location = Location {
            offset: u64::from_le_bytes(array(&entry[32..40])),
            stored: u32::from_le_bytes(array(&entry[40..44])),
            length: u32::from_le_bytes(array(&entry[44..48])),
        };
        let end = location.offset.checked_add(location.stored.into());
        let is_inside = end.is_some_and(|end| end <= begin);
        if !is_inside || location.length > LARGEST_CHUNK || location.stored > location.length {
            return Ok(Err("its index is invalid".to_owned()));
        }
        found.push((Digest::from_bytes(array(&entry[..32])), location));
    }
    Ok(Ok(found))
}

/// Reads a chunk and compares it with its digest. The error is a sentence about the pack.
pub(super) fn read_chunk(
    file: &File,
    digest: &Digest,
    location: Location,
) -> io::Result<std::result::Result<Vec<u8>, String>> {
    let chunk = read_bytes(file, location)?;
    Ok(match chunk.filter(|chunk| Digest::of(chunk) == *digest) {
        Some(chunk) => Ok(chunk),
        None => Err(format!("the chunk {} is damaged", digest.short())),
    })
}

/// Reads a chunk, which may be damaged; `None` if it cannot be decompressed.
pub(super) fn read_bytes(file: &File, location: Location) -> io::Result<Option<Vec<u8>>> {
    let mut stored = vec![0; location.stored as usize];
    file.read_exact_at(&mut stored, location.offset)?;
    Ok(match location.stored == location.length {
        true => Some(stored),
        false => lz4_flex::block::decompress(&stored, location.length as usize).ok(),
    })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::store::disk::RealDisk;

    #[test]
    fn pack_that_is_large_is_followed_by_another() {
        let (new, packs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut writer = PackWriter::new(Arc::new(RealDisk), new.path().into(), packs.path().into());
        writer.largest = 20;
        let chunks = [&b"one"[..], b"two, which is longer", b"three"];
        for chunk in chunks {
            writer.add(Digest::of(chunk), chunk).unwrap();
        }
        let made = writer.finish().unwrap();
        let read: Vec<_> = made
            .iter()
            .map(|path| read_index(&File::open(path).unwrap()).unwrap().unwrap().len())
            .collect();
        assert_eq!(read, [2, 1]);
        assert_eq!(std::fs::read_dir(new.path()).unwrap().count(), 0);
    }

    #[test]
    fn index_of_a_huge_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pack");
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = file.unwrap();
        // Most of it is a hole.
        let size = 1 << 42;
        file.set_len(size).unwrap();
        file.write_all_at(HEAD, 0).unwrap();
        let mut footer = [0; FOOTER as usize];
        footer[40..].copy_from_slice(TAIL);
        for count in [0, 1 << 36] {
            footer[32..40].copy_from_slice(&u64::to_le_bytes(count));
            file.write_all_at(&footer, size - FOOTER).unwrap();
            let read = read_index(&file).unwrap();
            assert_eq!(read, Err("its index is invalid".to_owned()), "{count}");
        }
    }

    #[test]
    fn index_that_leads_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pack");
        let read = |offset, stored, length| {
            let location = Location {
                offset,
                stored,
                length,
            };
            let index = write_index(&[(Digest::of(b"x"), location)]);
            let mut pack = [&HEAD[..], b"x", &index].concat();
            pack.extend_from_slice(Digest::of(&index).as_bytes());
            pack.extend_from_slice(&1_u64.to_le_bytes());
            pack.extend_from_slice(TAIL);
            std::fs::write(&path, pack).unwrap();
            read_index(&File::open(&path).unwrap())
                .unwrap()
                .map(|found| found.len())
        };
        assert_eq!(read(8, 1, 1), Ok(1));
        for (offset, stored, length) in [
            (9, 1, 1),
            (u64::MAX, 1, 1),
            (8, 2, 2),
            (8, 1, 0),
            (8, 1, LARGEST_CHUNK + 1),
        ] {
            let found = read(offset, stored, length);
            assert_eq!(
                found,
                Err("its index is invalid".to_owned()),
                "{offset} {stored} {length}"
            );
        }
    }
}
