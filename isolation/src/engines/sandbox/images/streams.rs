//! Reads blobs, compressed or not, with their digests and within a limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::zstd::{FRAME, Zstd};
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::Digest;
use crate::snapshots::archive_entries::{corrupt, damaged};

/// How much is read at once.
const PIECE: usize = 128 << 10;

/// A reader that knows the digest and the size of what was read.
pub(super) struct Hashed<R> {
    inner: R,
    hash: Sha256,
    size: u64,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(inner: R) -> Self {
        let hash = Sha256::new();
        Self { inner, hash, size: 0 }
    }

    fn digest(self) -> Digest {
        Digest::from_bytes(self.hash.finalize().into())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

/// How many bytes may still be unpacked, of all layers together.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) left: u64,
}

impl Budget {
    pub(super) fn spend(&mut self, bytes: u64) -> Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::new(
                ErrorKind::InvalidInput,
                "the image is larger than the limit of an import, or than the free space of the cache \
                 directory",
            )),
        }
    }
}

/// A reader that spends a budget.
struct Limited<'a, R> {
    inner: R,
    budget: &'a mut Budget,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.budget.spend(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}

/// What the description of an image says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) digest: Digest,
    /// Its size in bytes, if the description has one.
    pub(super) size: Option<u64>,
}

impl Expected {
    /// A size that is wrong may mislead another program that reads the image.
    pub(super) fn check_size(&self, found: u64, what: &str) -> Result<()> {
        match self.size {
            Some(size) if size != found => Err(corrupt(format!(
                "{what} has {} instead of {size}",
                counted(found, "byte", "bytes")
            ))),
            _ => Ok(()),
        }
    }
}

/// The digests of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerDigests {
    /// What is known of the file, if the description of the image has it.
    pub(super) file: Option<Expected>,
    /// That of the tar archive in it.
    pub(super) archive: Digest,
}

/// Gives the tar archive of a layer to `read`, and compares the digests afterwards.
pub(super) fn layer(
    file: impl Read,
    digests: LayerDigests,
    budget: &mut Budget,
    read: impl FnOnce(&mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut file = BufReader::with_capacity(PIECE, Hashed::new(file));
    let found = {
        let decompressed = decompress(&mut file)?;
        let mut archive = Hashed::new(Limited {
            inner: decompressed,
            budget,
        });
        let result = read(&mut archive);
        // A wrong digest explains other errors, but not one of the size or of a cancelled call.
        match result {
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            Err(error) => match drain(&mut archive) {
                Ok(()) if archive.digest() != digests.archive => return Err(wrong(&digests.archive)),
                _ => return Err(error),
            },
            Ok(()) => drain(&mut archive)?,
        }
        archive.digest()
    };
    if found != digests.archive {
        return Err(wrong(&digests.archive));
    }
    drain(&mut file)?;
    let Some(expected) = digests.file else {
        return Ok(());
    };
    let file = file.into_inner();
    let size = file.size;
    match file.digest() == expected.digest {
        true => expected.check_size(size, &format!("the layer sha256:{}", expected.digest)),
        false => Err(wrong(&expected.digest)),
    }
}

fn wrong(expected: &Digest) -> Error {
    corrupt(format!(
        "the digest of a layer is not sha256:{expected}; the archive was changed or cut"
    ))
}

fn drain(from: &mut impl Read) -> Result<()> {
    io::copy(from, &mut io::sink()).map(drop).map_err(damaged)
}

/// The kind of compression is in the first bytes; names are often wrong.
pub(super) fn decompress<'a>(mut file: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>> {
    let start = file.fill_buf().map_err(damaged)?;
    match start {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(file))),
        start if start.starts_with(&FRAME) || is_skipped(start) => Ok(Box::new(Zstd::new(file))),
        _ => Ok(Box::new(file)),
    }
}

/// Whether this is the beginning of a frame of zstd without data.
fn is_skipped(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Reads a small file, and compares its digest and its size.
pub(super) fn document(file: impl Read, expected: Option<Expected>, what: &str) -> Result<Vec<u8>> {
    const LONGEST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 > LONGEST {
        return Err(corrupt(format!("{what} has more than 16 MiB")));
    }
    let Some(expected) = expected else {
        return Ok(bytes);
    };
    let Expected { digest, .. } = expected;
    if Digest::of(&bytes) != digest {
        return Err(corrupt(format!("the digest of {what} is not sha256:{digest}")));
    }
    expected.check_size(bytes.len() as u64, what)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(file: &[u8], digests: LayerDigests, budget: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut budget = Budget { left: budget };
        layer(file, digests, &mut budget, |archive| {
            archive.read_to_end(&mut bytes).map(drop).map_err(damaged)
        })?;
        Ok(bytes)
    }

    #[test]
    fn layer_has_the_digests_of_its_description() {
        let plain = vec![7; 100_000];
        check_digests(&plain, &gzip(&plain));
        check_digests(&plain, &zstd(&plain));
    }

    fn check_digests(plain: &[u8], file: &[u8]) {
        let of_file = Expected {
            digest: Digest::of(file),
            size: Some(file.len() as u64),
        };
        let digests = LayerDigests {
            file: Some(of_file),
            archive: Digest::of(plain),
        };
        assert_eq!(read(file, digests, 1 << 20).unwrap(), plain);
        let without = LayerDigests {
            file: None,
            ..digests
        };
        assert_eq!(read(plain, without, 1 << 20).unwrap(), plain);
        let other = Digest::of(b"other");
        for wrong in [
            LayerDigests {
                archive: other,
                ..digests
            },
            LayerDigests {
                file: Some(Expected {
                    digest: other,
                    ..of_file
                }),
                ..digests
            },
        ] {
            let error = read(file, wrong, 1 << 20).unwrap_err();
            assert!(
                error.to_string().contains("the digest of a layer is not"),
                "{error}"
            );
        }
        for size in [0, file.len() as u64 - 1, 1 << 62, u64::MAX] {
            let wrong = LayerDigests {
                file: Some(Expected {
                    size: Some(size),
                    ..of_file
                }),
                ..digests
            };
            let error = read(file, wrong, 1 << 20).unwrap_err();
            let why = format!("has {} bytes instead of {size}", file.len());
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(&why), "{error}");
        }
        let unknown = LayerDigests {
            file: Some(Expected {
                size: None,
                ..of_file
            }),
            ..digests
        };
        assert_eq!(read(file, unknown, 1 << 20).unwrap(), plain);
        let cut = read(&file[..file.len() - 4], digests, 1 << 20).unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn compressed_bomb_ends_at_the_limit() {
        let zeros = vec![0; 32 << 20];
        for bomb in [gzip(&zeros), zstd(&zeros)] {
            assert!(bomb.len() < 64 << 10);
            let digests = LayerDigests {
                file: None,
                archive: Digest::of(b""),
            };
            let error = read(&bomb, digests, 1 << 20).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
}
