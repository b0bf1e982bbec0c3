//! Packs a file or directory of the host into an archive.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tar::{Builder, Header};
use tokio::sync::mpsc;

use super::{PIECE, WAITING, at, check, entry_names};
use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;

/// Packs a file, or a directory with everything in it. It is read from disk while it is sent.
///
/// `name` is its name in the archive. Names and the targets of links are sent unchanged, even if
/// they are not UTF-8. The owner of every entry is root, links stay links, and the entries of a
/// directory are sorted by name. Modification times are sent in whole seconds, also those before
/// 1970. A socket or device fails the upload.
///
/// # Errors
///
/// When `source` cannot be read, or when `name` is not a relative path without `..`.
pub fn pack(source: impl Into<PathBuf>, name: impl AsRef<Path>) -> Result<Upload> {
    let name = name.as_ref().to_owned();
    check(&name)?;
    let source = source.into();
    let unreadable = |error| Error::local(Cause::UploadSource(at(&source, &error)));
    fs::symlink_metadata(&source).map_err(unreadable)?;
    Ok(packing(move |builder| append(builder, &source, &name)))
}

/// Packs everything in a directory, without an entry for the directory itself: one that exists
/// where the archive is unpacked keeps its owner and its permissions.
///
/// `name` is the name of the directory in the archive. The rest is as with [`pack`].
///
/// # Errors
///
/// When `source` is not a directory that can be read, or when `name` is not a relative path without
/// `..`.
pub fn pack_contents(source: impl Into<PathBuf>, name: impl AsRef<Path>) -> Result<Upload> {
    let name = name.as_ref().to_owned();
    check(&name)?;
    let source = source.into();
    let unreadable = |error| Error::local(Cause::UploadSource(at(&source, &error)));
    let open = below(&source, &name).map_err(unreadable)?;
    Ok(packing(move |builder| append_all(builder, open)))
}

/// A function that writes the entries of an archive.
type Job = Box<dyn FnOnce(&mut Builder<Outgoing>) -> io::Result<()> + Send>;

/// An archive that `job` writes in a thread for blocking work, while it is sent.
pub(crate) fn packing(job: impl FnOnce(&mut Builder<Outgoing>) -> io::Result<()> + Send + 'static) -> Upload {
    let (send, pieces) = mpsc::channel(WAITING);
    Upload::stream(Packing {
        job: Some((Box::new(job), send)),
        pieces,
    })
}

/// An archive being packed. The work begins when the first piece is polled.
struct Packing {
    job: Option<(Job, mpsc::Sender<io::Result<Bytes>>)>,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl Stream for Packing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if let Some((job, send)) = this.job.take() {
            tokio::task::spawn_blocking(move || pack_all(job, &send));
        }
        this.pieces.poll_recv(cx)
    }
}

fn pack_all(job: Job, send: &mpsc::Sender<io::Result<Bytes>>) {
    let outgoing = Outgoing {
        buffer: BytesMut::with_capacity(PIECE),
        send: send.clone(),
    };
    let mut builder = Builder::new(outgoing);
    let outcome = job(&mut builder).and_then(|()| builder.into_inner()?.flush());
    if let Err(error) = outcome {
        // The send fails if the upload was dropped. The error is not needed then.
        drop(send.blocking_send(Err(error)));
    }
}

/// Appends a file, link or directory, and everything in it in the order of names. Does not recurse:
/// a directory may be deeper than the stack of a thread.
fn append(builder: &mut Builder<Outgoing>, path: &Path, name: &Path) -> io::Result<()> {
    append_all(builder, vec![(path.to_owned(), name.to_owned())])
}

/// The entries of a directory with their names in the archive, the last one first.
fn below(path: &Path, name: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let entries = children(path)?.into_iter().rev();
    Ok(entries
        .map(|child| (child.path(), name.join(child.file_name())))
        .collect())
}

/// The same for several, the last one first.
fn append_all(builder: &mut Builder<Outgoing>, mut open: Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
    while let Some((path, name)) = open.pop() {
        append_one(builder, &path, &name, None)?;
        let metadata = fs::symlink_metadata(&path).map_err(|error| at(&path, &error))?;
        if metadata.is_dir() {
            open.extend(below(&path, &name)?);
        }
    }
    Ok(())
}

/// The entries of a directory in the order of names.
pub(crate) fn children(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let failed = |error: io::Error| at(path, &error);
    let mut children: Vec<_> = fs::read_dir(path)
        .map_err(failed)?
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    children.sort_by_key(fs::DirEntry::file_name);
    Ok(children)
}

/// Appends a file, a link, or a directory without its entries. `modified` replaces its modification
/// time, in seconds since 1970.
pub(crate) fn append_one(
    builder: &mut Builder<Outgoing>,
    path: &Path,
    name: &Path,
    modified: Option<u64>,
) -> io::Result<()> {
    let failed = |error: io::Error| at(path, &error);
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let kind = metadata.file_type();
    let mut header = Header::new_gnu();
    let before_1970 = modified_before_1970(&metadata);
    // On Windows, the tar crate panics for such a time in its complete mode.
    let mode = match before_1970 {
        Some(_) if cfg!(windows) => tar::HeaderMode::Deterministic,
        _ => tar::HeaderMode::Complete,
    };
    header.set_metadata_in_mode(&metadata, mode);
    header.set_uid(0);
    header.set_gid(0);
    match modified {
        Some(seconds) => header.set_mtime(seconds),
        None => {
            if let Some(seconds) = before_1970 {
                // Engines read the number of a header as unsigned. The number of a PAX record is
                // signed.
                header.set_mtime(0);
                let record = ("mtime", seconds.as_bytes());
                builder.append_pax_extensions([record]).map_err(failed)?;
            }
        }
    }
    if kind.is_dir() {
        return entry_names::append(builder, &mut header, name, None, io::empty()).map_err(failed);
    }
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(failed)?;
        return entry_names::append(builder, &mut header, name, Some(&target), io::empty()).map_err(failed);
    }
    if kind.is_file() {
        // A file that grows or shrinks while it is read must not break the archive's structure.
        let mut exact = Exact {
            file: open(path, &metadata).map_err(failed)?,
            left: header.size().map_err(failed)?,
        };
        return entry_names::append(builder, &mut header, name, None, &mut exact).map_err(failed);
    }
    Err(no_file(path))
}

/// Opens the file that `metadata` describes. A user who can write into its directory could
/// replace it by a link to a file that only this process can read.
pub(crate) fn open(path: &Path, metadata: &fs::Metadata) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    match same_file(&file.metadata()?, metadata) {
        true => Ok(file),
        false => Err(io::Error::other("another file replaced it while it was read")),
    }
}

#[cfg(unix)]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The file numbers of Windows are not stable in the standard library.
#[cfg(not(unix))]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.file_type() == other.file_type()
}

/// The modification time as text, in whole seconds, if it is before 1970.
fn modified_before_1970(metadata: &fs::Metadata) -> Option<String> {
    let before = UNIX_EPOCH.duration_since(metadata.modified().ok()?).ok()?;
    // Rounded down, like in every program that shows whole seconds.
    let seconds = before.as_secs() + u64::from(before.subsec_nanos() > 0);
    (seconds > 0).then(|| format!("-{seconds}"))
}

/// The error for a socket, a device or a pipe: none of them can be in an archive.
pub(crate) fn no_file(path: &Path) -> io::Error {
    at(
        path,
        &io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file, directory or link; leave it out",
        ),
    )
}

/// Reads a file up to the length in its header. A shorter file is an error.
struct Exact {
    file: fs::File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.file.read(&mut buf[..most])?;
        if n == 0 && most > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file shrank while it was read",
            ));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// The output of the archive's writer: pieces for a channel.
pub(crate) struct Outgoing {
    buffer: BytesMut,
    send: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Outgoing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.buffer.reserve(PIECE);
        self.send
            .blocking_send(Ok(piece))
            .map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests;
