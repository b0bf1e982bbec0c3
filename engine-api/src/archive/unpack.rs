//! Unpacks an archive into files of the host.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use tar::{Archive, Entry, EntryType};
use tokio::sync::mpsc;

use super::WAITING;
use super::gnu_names::gnu_names;
use super::write_entries::{EntryWriter, invalid};
use crate::error::{Cause, Error, Result};
use crate::wire::stream::RawBytes;

/// Unpacks an archive into a directory, which is created if it does not exist.
///
/// Contents, permissions (`0o777`), modification times and links are those of the archive. The
/// owner is the current user. Existing files are replaced, other existing files stay.
///
/// On an error, and when this future is dropped, everything that the call has created is removed
/// again; a file that it has replaced stays replaced. Removal takes place in the thread that
/// writes.
///
/// # Errors
///
/// [`crate::ErrorKind::Unpack`] when a file cannot be written, when an entry would be written
/// outside the directory, when an entry is not a file, directory or link, and when the archive
/// exceeds a bound (1 MiB for the headers of an entry, 4096 bytes for a path, 256 directories below
/// each other, 64 MiB for the paths of all directories). Errors of the stream are returned as they
/// are.
pub async fn unpack(mut archive: RawBytes, directory: impl Into<PathBuf>) -> Result<()> {
    let directory = directory.into();
    let (send, pieces) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || unpack_all(pieces, &directory));
    let mut stream_error = None;
    while let Some(piece) = archive.next().await {
        match piece {
            // An empty piece would mark the end.
            Ok(piece) if piece.is_empty() => {}
            Ok(piece) => {
                // The thread ends before the stream only after an error of its own.
                if send.send(piece).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                stream_error = Some(error);
                break;
            }
        }
    }
    if stream_error.is_none() {
        // The thread may have ended with an error, which it returns below.
        drop(send.send(END).await);
    }
    drop(send);
    let written = writing
        .await
        .map_err(|error| Error::local(Cause::Unpack(io::Error::other(error))))?;
    match stream_error {
        Some(error) => Err(error),
        None => written.map_err(|error| Error::local(Cause::Unpack(error))),
    }
}

/// The piece that marks the end of a complete stream. A stream without it was dropped.
pub(crate) const END: Bytes = Bytes::new();

pub(crate) fn unpack_all(pieces: mpsc::Receiver<Bytes>, directory: &Path) -> io::Result<()> {
    let mut writer = EntryWriter::create(directory)?;
    let outcome = write_all(pieces, &mut writer).and_then(|()| writer.finish());
    let Err(error) = outcome else { return Ok(()) };
    match writer.undo() {
        Ok(()) => Err(error),
        Err(undo) => Err(io::Error::new(error.kind(), format!("{error}; {undo}"))),
    }
}

fn write_all(pieces: mpsc::Receiver<Bytes>, writer: &mut EntryWriter) -> io::Result<()> {
    let incoming = Incoming {
        pieces,
        rest: Bytes::new(),
        ended: false,
    };
    let mut archive = Archive::new(gnu_names(incoming));
    archive.set_preserve_mtime(false); // EntryWriter sets times: it knows negative ones and fractions
    for entry in archive.entries()? {
        write(&mut entry?, writer)?;
    }
    // Data after the end of the archive is read, so that the connection can be used again.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

fn write<R: Read>(entry: &mut Entry<'_, R>, writer: &mut EntryWriter) -> io::Result<()> {
    match entry.header().entry_type() {
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            Err(invalid(entry, "is not a file, directory or link"))
        }
        EntryType::Directory => writer.directory(entry),
        // Records for all entries, such as the commit of `git archive`.
        EntryType::XGlobalHeader => Ok(()),
        _ => writer.file_or_link(entry),
    }
}

/// The reader of the archive: it takes pieces from a channel.
struct Incoming {
    pieces: mpsc::Receiver<Bytes>,
    rest: Bytes,
    ended: bool,
}

impl Read for Incoming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && !self.ended {
            self.rest = self.pieces.blocking_recv().ok_or_else(|| {
                io::Error::new(io::ErrorKind::BrokenPipe, "the archive's stream was dropped")
            })?;
            self.ended = self.rest.is_empty();
        }
        let n = buf.len().min(self.rest.len());
        buf[..n].copy_from_slice(&self.rest[..n]);
        self.rest.advance(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use filetime::FileTime;
    use tar::Builder;

    use super::*;
    use crate::archive::hostile::{archive, header, unpack_bytes, unpacked};

    #[cfg(unix)]
    fn seconds(path: &Path) -> i64 {
        FileTime::from_last_modification_time(&fs::symlink_metadata(path).unwrap()).unix_seconds()
    }

    #[cfg(unix)]
    #[test]
    fn read_only_directories_are_filled_and_deepest_first() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let entries = [
            ("ro", EntryType::Directory, 0o555, 7),
            ("ro/empty", EntryType::Directory, 0o555, 8),
            ("ro/file", EntryType::Regular, 0o644, 9),
        ];
        unpacked(archive(&entries), directory.path()).unwrap();
        let ro = directory.path().join("ro");
        for path in [&ro, &ro.join("empty")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o555);
        }
        assert!(ro.join("file").exists());
        // The time of a directory is set after its entries were written.
        assert_eq!((seconds(&ro), seconds(&ro.join("empty"))), (7, 8));
        fs::set_permissions(&ro, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn second_entry_of_a_directory_wins() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let entries = [
            ("top", EntryType::Directory, 0o700, 7),
            ("top", EntryType::Directory, 0o750, 8),
        ];
        unpacked(archive(&entries), directory.path()).unwrap();
        let top = directory.path().join("top");
        assert_eq!(fs::metadata(&top).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(seconds(&top), 8);
    }

    #[cfg(unix)]
    #[test]
    fn times_are_those_of_the_archive() {
        let directory = tempfile::tempdir().unwrap();
        for time in [0, -86400, 1, (1 << 33) + 7] {
            let entries = [
                ("top", EntryType::Directory, 0o755, time),
                ("top/file", EntryType::Regular, 0o644, time),
                ("link", EntryType::Symlink, 0o777, time),
            ];
            unpacked(archive(&entries), directory.path()).unwrap();
            for name in ["top", "top/file", "link"] {
                assert_eq!(seconds(&directory.path().join(name)), time, "{name}");
            }
        }
    }

    #[test]
    fn pax_time_wins_over_the_header() {
        let directory = tempfile::tempdir().unwrap();
        let mut builder = Builder::new(Vec::new());
        builder
            .append_pax_extensions([("mtime", b"-1.5".as_slice())])
            .unwrap();
        let mut entry = header(EntryType::Regular, 0o644, 5);
        builder.append_data(&mut entry, "file", io::empty()).unwrap();
        unpacked(builder.into_inner().unwrap(), directory.path()).unwrap();
        let metadata = fs::metadata(directory.path().join("file")).unwrap();
        let time = FileTime::from_last_modification_time(&metadata);
        assert_eq!((time.unix_seconds(), time.nanoseconds()), (-2, 500_000_000));
    }

    #[cfg(unix)]
    #[test]
    fn hard_link_replaces_an_existing_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("hard"), "old").unwrap();
        let entries = [
            ("top/file", EntryType::Regular, 0o644, 3),
            ("hard", EntryType::Link, 0o644, 3),
        ];
        unpacked(archive(&entries), directory.path()).unwrap();
        assert_eq!(fs::read(directory.path().join("hard")).unwrap(), b"");
    }

    #[test]
    fn given_up_stream_leaves_only_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mine"), "mine").unwrap();
        let entries = [
            ("new/a", EntryType::Regular, 0o644, 1),
            ("file", EntryType::Regular, 0o644, 1),
        ];
        let mut bytes = archive(&entries);
        bytes.truncate(3 * 512);
        let error = unpack_bytes(bytes.clone(), false, directory.path()).unwrap_err();
        assert!(error.to_string().contains("dropped"), "{error}");
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        // The directory that the call has created is removed, with the parents that the call has
        // created.
        let missing = directory.path().join("x/y");
        unpack_bytes(bytes, false, &missing).unwrap_err();
        assert!(!directory.path().join("x").exists());
    }

    #[cfg(unix)]
    #[test]
    fn write_error_names_the_path_and_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("in/the-way/x")).unwrap();
        let entries = [("in/the-way", EntryType::Regular, 0o644, 1)];
        let error = unpacked(archive(&entries), directory.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("cannot write ") && error.contains("/in/the-way: "),
            "{error}"
        );
        assert!(directory.path().join("in/the-way/x").exists());
        let entries = [("new/x", EntryType::Directory, 0o755, 1)];
        fs::write(directory.path().join("new"), "").unwrap();
        let error = unpacked(archive(&entries), directory.path())
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("/new: a file of this name exists"), "{error}");
    }

    #[test]
    fn records_and_the_root_itself_create_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let entries = [
            ("pax_global_header", EntryType::XGlobalHeader, 0o644, 1),
            (".", EntryType::Directory, 0o700, 1),
            ("./", EntryType::Regular, 0o644, 1),
        ];
        let mut builder = Builder::new(Vec::new());
        for (name, kind, mode, mtime) in entries {
            let mut entry = header(kind, mode, mtime);
            entry.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            entry.set_cksum();
            builder.append(&entry, io::empty()).unwrap();
        }
        unpacked(builder.into_inner().unwrap(), directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn time_that_is_no_number_is_ignored_or_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut old = header(EntryType::Directory, 0o755, 1);
        old.as_old_mut().mtime = *b"not a number";
        let mut builder = Builder::new(Vec::new());
        builder.append_data(&mut old, "new", io::empty()).unwrap();
        unpacked(builder.into_inner().unwrap(), directory.path()).unwrap();
        assert!(directory.path().join("new").is_dir());

        let mut builder = Builder::new(Vec::new());
        builder
            .append_pax_extensions([("mtime", b"soon".as_slice())])
            .unwrap();
        let mut entry = header(EntryType::Regular, 0o644, 5);
        builder.append_data(&mut entry, "file", io::empty()).unwrap();
        let error = unpacked(builder.into_inner().unwrap(), directory.path()).unwrap_err();
        let expected = "\"file\" has a modification time that is not a number";
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(!directory.path().join("file").exists());
    }

    #[cfg(unix)]
    #[test]
    fn directory_whose_name_is_too_long_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("{}/x", "n".repeat(300));
        let entries = [(name.as_str(), EntryType::Directory, 0o755, 1)];
        let error = unpacked(archive(&entries), directory.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn failed_removal_is_in_the_error_too() {
        let directory = tempfile::tempdir().unwrap();
        let old = directory.path().join("old");
        fs::create_dir(&old).unwrap();
        let bytes = archive(&[("old/new", EntryType::Regular, 0o644, 1)]);
        let (send, pieces) = mpsc::channel(2);
        // The first entry, without the end of the archive.
        send.try_send(Bytes::from(bytes[..512].to_vec())).unwrap();
        let target = directory.path().to_owned();
        let writing = std::thread::spawn(move || unpack_all(pieces, &target));
        // Its time is set last.
        while !old.join("new").exists() || seconds(&old.join("new")) != 1 {
            std::thread::yield_now();
        }
        // Another program puts a file in the place of the directory.
        fs::rename(&old, directory.path().join("moved")).unwrap();
        fs::write(&old, "").unwrap();
        drop(send);
        let text = writing.join().unwrap().unwrap_err().to_string();
        assert!(
            text.contains("was dropped; cannot remove ") && text.contains("old/new"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn stream_is_not_read_on_after_an_error() {
        use crate::wire::canned::Canned;
        let directory = tempfile::tempdir().unwrap();
        let mut body = archive(&[("device", EntryType::Char, 0o644, 1)]);
        // Far more pieces than wait to be written.
        body.resize(16 << 20, 0);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let docker = Canned::new([head.as_bytes(), &body].concat()).docker();
        let body = docker.raw("GET", "/x").send().await.unwrap().body;
        let error = unpack(body, directory.path()).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unpack);
        let text = error.to_string();
        assert!(
            text.contains("\"device\" is not a file, directory or link"),
            "{text}"
        );
    }
}
