//! Tar archives, made and taken apart as they stream.
//!
//! Containers take and give their files as tar archives. These functions read and write the host's
//! side of them, in a thread for blocking work, and hold no more than a few pieces in memory.
//!
//! ```no_run
//! use engine_api::{Docker, archive};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let containers = docker.containers();
//! containers.upload("web", "/srv", archive::pack("site", "html")?, Default::default()).await?;
//! archive::unpack(containers.download("web", "/var/log").await?, "logs").await?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use tar::{Archive, Builder, Entry, EntryType, Header};
use tokio::sync::mpsc;

use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;
use crate::wire::stream::RawBytes;

/// Bytes that go from one side of a channel to the other at a time.
const PIECE: usize = 64 * 1024;

/// Pieces that may wait in a channel.
const WAITING: usize = 4;

/// An archive of one file, from memory: its path in the archive, its mode (`0o644`), its contents.
///
/// # Errors
///
/// When `name` is no relative path that can stand in an archive.
pub fn file(name: &str, mode: u32, contents: impl AsRef<[u8]>) -> Result<Upload> {
    check(name)?;
    let contents = contents.as_ref();
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(contents.len() as u64);
    header.set_entry_type(EntryType::Regular);
    let mut builder = Builder::new(Vec::with_capacity(contents.len() + 2048));
    let written = builder
        .append_data(&mut header, name, contents)
        .and_then(|()| builder.into_inner());
    written
        .map(Upload::from)
        .map_err(|error| Error::local(Cause::Input(error)))
}

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
    let unreadable = |error| Error::local(Cause::Input(at(&source, &error)));
    fs::symlink_metadata(&source).map_err(unreadable)?;
    Ok(Upload::stream(Packing {
        job: Some((source, name.into())),
        pieces: None,
    }))
}

/// Unpacks an archive into a folder, which is made if it is not there.
///
/// # Errors
///
/// What breaks the stream or the writing, an entry that would land outside of the folder, and one that
/// is neither file, folder nor link.
pub async fn unpack(mut archive: RawBytes, folder: impl Into<PathBuf>) -> Result<()> {
    let folder = folder.into();
    let (send, pieces) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        unpack_all(
            Incoming {
                pieces,
                rest: Bytes::new(),
            },
            &folder,
        )
    });
    let mut broken = None;
    while let Some(piece) = archive.next().await {
        match piece {
            Ok(piece) => {
                // The writing side has ended, by an error or because it has seen the archive's end.
                if send.send(piece).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    drop(send);
    let written = writing
        .await
        .map_err(|error| Error::local(Cause::Input(io::Error::other(error))))?;
    match broken {
        Some(error) => Err(error),
        None => written.map_err(|error| Error::local(Cause::Input(error))),
    }
}

/// Refuses names that lead out of the folder an archive is unpacked in.
fn check(name: &str) -> Result<()> {
    let plain = |part: std::path::Component<'_>| {
        matches!(
            part,
            std::path::Component::Normal(_) | std::path::Component::CurDir
        )
    };
    if !name.is_empty() && !name.contains('\0') && Path::new(name).components().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{name:?} cannot be a name in an archive; pass a relative path without `..`"
    )))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A folder being packed; the work begins when the first piece is asked for.
struct Packing {
    job: Option<(PathBuf, PathBuf)>,
    pieces: Option<mpsc::Receiver<io::Result<Bytes>>>,
}

impl Stream for Packing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        if let Some((source, name)) = this.job.take() {
            let (send, pieces) = mpsc::channel(WAITING);
            this.pieces = Some(pieces);
            tokio::task::spawn_blocking(move || pack_all(&source, &name, &send));
        }
        match &mut this.pieces {
            Some(pieces) => pieces.poll_recv(cx),
            None => Poll::Ready(None),
        }
    }
}

fn pack_all(source: &Path, name: &Path, send: &mpsc::Sender<io::Result<Bytes>>) {
    let outgoing = Outgoing {
        buffer: BytesMut::with_capacity(PIECE),
        send: send.clone(),
    };
    let mut builder = Builder::new(outgoing);
    let outcome = append(&mut builder, source, name).and_then(|()| builder.into_inner()?.flush());
    if let Err(error) = outcome {
        // Nobody listens when the upload was dropped, and then nobody needs to know.
        drop(send.blocking_send(Err(error)));
    }
}

/// Appends a file, link or folder, and what is below it in the order of names.
fn append(builder: &mut Builder<Outgoing>, path: &Path, name: &Path) -> io::Result<()> {
    let wrong = |error: io::Error| at(path, &error);
    let metadata = fs::symlink_metadata(path).map_err(wrong)?;
    let kind = metadata.file_type();
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(&metadata, tar::HeaderMode::Complete);
    header.set_uid(0);
    header.set_gid(0);
    if kind.is_dir() {
        builder
            .append_data(&mut header, name, io::empty())
            .map_err(wrong)?;
        let mut children: Vec<_> = fs::read_dir(path)
            .map_err(wrong)?
            .collect::<io::Result<_>>()
            .map_err(wrong)?;
        children.sort_by_key(fs::DirEntry::file_name);
        return children
            .iter()
            .try_for_each(|child| append(builder, &child.path(), &name.join(child.file_name())));
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
    Err(at(
        path,
        &io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither file, folder nor link; leave it out",
        ),
    ))
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
struct Outgoing {
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

fn unpack_all(incoming: Incoming, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    let mut archive = Archive::new(incoming);
    // Folders get their permissions last: a read-only one takes no files.
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        match entry.header().entry_type() {
            EntryType::Directory => {
                folders.push(entry);
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return Err(refused(&entry, "is neither file, folder nor link"));
            }
            _ => unpack_entry(entry, folder)?,
        }
    }
    for entry in folders {
        unpack_entry(entry, folder)?;
    }
    // What follows the end is read, so that the connection can be used again.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

fn unpack_entry<R: Read>(mut entry: Entry<'_, R>, folder: &Path) -> io::Result<()> {
    match entry.unpack_in(folder)? {
        true => Ok(()),
        false => Err(refused(&entry, "leads out of the folder")),
    }
}

fn refused<R: Read>(entry: &Entry<'_, R>, why: &str) -> io::Error {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the archive's entry {name:?} {why}"),
    )
}

/// What the archive's reader reads from: pieces of a channel.
struct Incoming {
    pieces: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let Some(piece) = self.pieces.blocking_recv() else {
                return Ok(0);
            };
            self.rest = piece;
        }
        let n = buf.len().min(self.rest.len());
        buf[..n].copy_from_slice(&self.rest[..n]);
        self.rest.advance(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::body::Body;

    async fn bytes(upload: Upload) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        match upload.0 {
            Body::Full(bytes) => all.extend_from_slice(&bytes),
            Body::Upload(mut pieces) => {
                while let Some(piece) = std::future::poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
                    all.extend_from_slice(&piece?);
                }
            }
            Body::Empty => {}
        }
        Ok(all)
    }

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = Archive::new(archive);
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

    #[tokio::test]
    async fn one_file_from_memory() {
        let archive = bytes(file("etc/x", 0o600, "hello").unwrap()).await.unwrap();
        assert_eq!(names(&archive), ["etc/x"]);
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["", "/etc", "../x", "a/../../b", "a\0b"] {
            assert!(file(name, 0o644, "").is_err(), "{name:?}");
        }
        assert!(
            pack("/no/such/folder", "x")
                .unwrap_err()
                .to_string()
                .contains("/no/such/folder")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_fails_the_upload_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("sock")).unwrap();
        let error = bytes(pack(folder.path(), "x").unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("sock"), "{error}");
    }

    /// Unpacks an archive that is there as a whole.
    fn unpacked(archive: Vec<u8>, folder: &Path) -> io::Result<()> {
        let (send, pieces) = mpsc::channel(1);
        send.try_send(Bytes::from(archive)).unwrap();
        drop(send);
        let rest = Bytes::new();
        unpack_all(Incoming { pieces, rest }, folder)
    }

    #[test]
    fn an_entry_that_leads_out_of_the_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut header = Header::new_gnu();
        header.set_size(1);
        header.as_gnu_mut().unwrap().name[..7].copy_from_slice(b"../evil");
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend([b'x'; 512]);
        let error = unpacked(archive, &folder.path().join("in")).unwrap_err();
        assert!(error.to_string().contains("evil"), "{error}");
        assert!(!folder.path().join("evil").exists());
    }

    #[test]
    fn a_pipe_is_an_error_and_no_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Fifo);
        header.set_size(0);
        let mut builder = Builder::new(Vec::new());
        builder.append_data(&mut header, "pipe", io::empty()).unwrap();
        let error = unpacked(builder.into_inner().unwrap(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("\"pipe\" is neither"), "{error}");
        assert!(!folder.path().join("pipe").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_folder_gets_its_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Builder::new(Vec::new());
        for (name, kind, mode) in [
            ("top", EntryType::Directory, 0o555),
            ("top/file", EntryType::Regular, 0o644),
        ] {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_size(0);
            builder.append_data(&mut header, name, io::empty()).unwrap();
        }
        unpacked(builder.into_inner().unwrap(), folder.path()).unwrap();
        let top = folder.path().join("top");
        assert_eq!(fs::metadata(&top).unwrap().permissions().mode() & 0o777, 0o555);
        assert!(top.join("file").exists());
        fs::set_permissions(&top, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
