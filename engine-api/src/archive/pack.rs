//! A file or folder of the host, as an archive.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tar::{Builder, Header};
use tokio::sync::mpsc;

use super::{PIECE, WAITING, at, check};
use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;

/// An archive of a file or of a folder with all below it, read from disk while it is sent.
///
/// `name` is what it is called in the archive. Owners become root, links stay links, and the entries
/// of a folder are sorted by name. What is neither file, folder nor link fails the upload.
///
/// # Errors
///
/// When `source` cannot be looked at, or `name` is no relative path that can stand in an archive.
pub fn pack(source: impl Into<PathBuf>, name: &str) -> Result<Upload> {
    check(name)?;
    let source = source.into();
    let unreadable = |error| Error::local(Cause::UploadSource(at(&source, &error)));
    fs::symlink_metadata(&source).map_err(unreadable)?;
    let name = PathBuf::from(name);
    Ok(packing(move |builder| append(builder, &source, &name)))
}

/// What writes an archive's entries.
type Job = Box<dyn FnOnce(&mut Builder<Outgoing>) -> io::Result<()> + Send>;

/// An archive that `job` writes, in a thread for blocking work, while it is sent.
pub(crate) fn packing(job: impl FnOnce(&mut Builder<Outgoing>) -> io::Result<()> + Send + 'static) -> Upload {
    Upload::stream(Packing {
        job: Some(Box::new(job)),
        pieces: None,
    })
}

/// An archive being packed; the work begins when the first piece is asked for.
struct Packing {
    job: Option<Job>,
    pieces: Option<mpsc::Receiver<io::Result<Bytes>>>,
}

impl Stream for Packing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if let Some(job) = this.job.take() {
            let (send, pieces) = mpsc::channel(WAITING);
            this.pieces = Some(pieces);
            tokio::task::spawn_blocking(move || pack_all(job, &send));
        }
        match &mut this.pieces {
            Some(pieces) => pieces.poll_recv(cx),
            None => Poll::Ready(None),
        }
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
        // Nobody listens when the upload was dropped, and then nobody needs to know.
        drop(send.blocking_send(Err(error)));
    }
}

/// Appends a file, link or folder, and what is below it in the order of names.
fn append(builder: &mut Builder<Outgoing>, path: &Path, name: &Path) -> io::Result<()> {
    append_one(builder, path, name, None)?;
    let wrong = |error: io::Error| at(path, &error);
    if !fs::symlink_metadata(path).map_err(wrong)?.is_dir() {
        return Ok(());
    }
    children(path)?
        .iter()
        .try_for_each(|child| append(builder, &child.path(), &name.join(child.file_name())))
}

/// What is in a folder, in the order of names.
pub(crate) fn children(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let wrong = |error: io::Error| at(path, &error);
    let mut children: Vec<_> = fs::read_dir(path)
        .map_err(wrong)?
        .collect::<io::Result<_>>()
        .map_err(wrong)?;
    children.sort_by_key(fs::DirEntry::file_name);
    Ok(children)
}

/// Appends a file, a link, or a folder without what is in it. `modified` takes the place of the time it
/// was changed at, in seconds since 1970.
pub(crate) fn append_one(
    builder: &mut Builder<Outgoing>,
    path: &Path,
    name: &Path,
    modified: Option<u64>,
) -> io::Result<()> {
    let wrong = |error: io::Error| at(path, &error);
    let metadata = fs::symlink_metadata(path).map_err(wrong)?;
    let kind = metadata.file_type();
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(&metadata, tar::HeaderMode::Complete);
    header.set_uid(0);
    header.set_gid(0);
    if let Some(seconds) = modified {
        header.set_mtime(seconds);
    }
    if kind.is_dir() {
        return builder.append_data(&mut header, name, io::empty()).map_err(wrong);
    }
    if kind.is_symlink() {
        return builder
            .append_link(&mut header, name, fs::read_link(path).map_err(wrong)?)
            .map_err(wrong);
    }
    if kind.is_file() {
        // A file that grows or shrinks meanwhile must not break the archive's structure.
        let file = fs::File::open(path).map_err(wrong)?;
        let mut exact = Exact {
            file,
            left: header.size().map_err(wrong)?,
        };
        return builder.append_data(&mut header, name, &mut exact).map_err(wrong);
    }
    Err(no_file(path))
}

/// Sockets, devices and their like have no place in an archive.
pub(crate) fn no_file(path: &Path) -> io::Error {
    at(
        path,
        &io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither file, folder nor link; leave it out",
        ),
    )
}

/// A file read to the length it had, no further; shorter is an error.
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

/// What the archive's writer writes to: pieces for a channel.
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
mod tests {
    use super::*;
    use crate::wire::body::Body;

    async fn bytes(upload: Upload) -> io::Result<Vec<u8>> {
        let Body::Upload(mut pieces) = upload.0 else {
            panic!("it streams")
        };
        let mut all = Vec::new();
        while let Some(piece) = std::future::poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect()
    }

    #[tokio::test]
    async fn a_folder_is_packed_sorted_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/two"), vec![7; 200_000]).unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        let first = bytes(pack(folder.path(), "top").unwrap()).await.unwrap();
        assert_eq!(names(&first), ["top", "top/a", "top/b", "top/b/two"]);
        assert_eq!(bytes(pack(folder.path(), "top").unwrap()).await.unwrap(), first);
    }

    #[test]
    fn what_is_not_there_is_said_at_once() {
        let error = pack("/no/such/folder", "x").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_fails_the_upload_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("sock")).unwrap();
        let error = bytes(pack(folder.path(), "x").unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("sock"), "{error}");
    }
}
