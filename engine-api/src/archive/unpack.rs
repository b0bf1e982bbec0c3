//! An archive, as files of the host.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use tar::{Archive, Entry, EntryType};
use tokio::sync::mpsc;

use super::{WAITING, at};
use crate::error::{Cause, Error, Result};
use crate::wire::stream::RawBytes;

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
        .map_err(|error| Error::local(Cause::UploadSource(io::Error::other(error))))?;
    match broken {
        Some(error) => Err(error),
        None => written.map_err(|error| Error::local(Cause::UploadSource(error))),
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
    use tar::{Builder, Header};

    use super::*;

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
