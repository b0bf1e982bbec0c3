//! Where the files of an image are: in a tar archive on this machine, or in a directory.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tar::EntryType;

use super::streams::{Budget, decompress};
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::snapshots::TreePath;
use crate::snapshots::archive_entries::{self, corrupt, damaged};

/// The most files in an archive of images.
const MOST_FILES: usize = 100_000;

/// The most links from one file of an archive to another.
const MOST_LINKS: usize = 8;

/// The files of images.
#[derive(Debug)]
pub(super) enum Blobs {
    /// A tar archive of `docker save` or an OCI archive.
    Archive {
        path: PathBuf,
        files: HashMap<TreePath, Place>,
    },
    /// An OCI layout.
    Directory(PathBuf),
}

/// Where a file of an archive is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    At {
        offset: u64,
        size: u64,
    },
    /// Old archives have a layer that two images share once.
    Link(TreePath),
}

impl Blobs {
    /// A directory, or an archive. One that is compressed is unpacked to `spool`, which then is the
    /// archive.
    pub(super) fn open(source: &Path, spool: &Path, budget: &mut Budget, stop: &Stop) -> Result<Self> {
        if source.is_dir() {
            return Ok(Self::Directory(source.to_owned()));
        }
        let mut file = BufReader::new(regular(source)?);
        let is_compressed = {
            use std::io::BufRead;
            let start = file.fill_buf().map_err(|e| Error::io("read", source, e))?;
            start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        };
        if !is_compressed {
            return Self::archive(source.to_owned());
        }
        let mut from = decompress(file)?;
        copy(&mut from, spool, budget, stop)?;
        Self::archive(spool.to_owned())
    }

    /// The archive at this path.
    pub(super) fn archive(path: PathBuf) -> Result<Self> {
        let archive = regular(&path)?;
        let length = archive
            .metadata()
            .map_err(|e| Error::io("inspect", &path, e))?
            .len();
        let mut files = HashMap::new();
        archive_entries::each_in_file(archive, |described, _| {
            if files.len() >= MOST_FILES {
                return Err(corrupt(format!("the archive has more than {MOST_FILES} files")));
            }
            let place = match described.kind {
                EntryType::Regular | EntryType::Continuous => {
                    let (offset, size) = (described.position, described.size);
                    // A file that is not there is noticed here only by a reader that cannot seek.
                    if offset.checked_add(size).is_none_or(|end| end > length) {
                        let text = "the archive ends in the middle of a file; save or copy it again";
                        return Err(corrupt(text));
                    }
                    Place::At { offset, size }
                }
                EntryType::Symlink => Place::Link(beside(&described.path, &described.link)?),
                EntryType::Link => Place::Link(TreePath::normal(&described.link)?),
                _ => return Ok(()),
            };
            files.insert(described.path, place);
            Ok(())
        })?;
        Ok(Self::Archive { path, files })
    }

    /// Opens a file; `None` if it does not exist.
    pub(super) fn file(&self, name: &str) -> Result<Option<Box<dyn Read>>> {
        let name = TreePath::normal(name.as_bytes())?;
        match self {
            Self::Directory(top) => {
                let path = top.join(String::from_utf8_lossy(name.as_bytes()).as_ref());
                match path.symlink_metadata() {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    _ => Ok(Some(Box::new(regular(&path)?))),
                }
            }
            Self::Archive { path, files } => {
                let mut found = files.get(&name);
                for _ in 0..MOST_LINKS {
                    match found {
                        Some(Place::Link(target)) => found = files.get(target),
                        _ => break,
                    }
                }
                let Some(Place::At { offset, size }) = found else {
                    return Ok(None);
                };
                let mut file = regular(path)?;
                file.seek(SeekFrom::Start(*offset))
                    .map_err(|e| Error::io("read", path, e))?;
                Ok(Some(Box::new(file.take(*size))))
            }
        }
    }
}

/// The path of a relative link.
fn beside(path: &TreePath, target: &[u8]) -> Result<TreePath> {
    let mut parts: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b'/').collect();
    parts.pop();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    TreePath::normal(&parts.join(&b'/'))
}

/// Opens a file; a pipe or a device is refused, because reading it may never end.
fn regular(path: &Path) -> Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("{} does not exist", path.display())),
        _ => Error::io("read", path, e),
    })?;
    let meta = file.metadata().map_err(|e| Error::io("inspect", path, e))?;
    match meta.is_file() {
        true => Ok(file),
        false => Err(Error::invalid(format!("{} is no file", path.display()))),
    }
}

/// Copies a stream to a new file.
pub(super) fn copy(from: &mut impl Read, to: &Path, budget: &mut Budget, stop: &Stop) -> Result<()> {
    let failed = |e| Error::io("write", to, e);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(failed)?;
    let mut piece = vec![0; 128 << 10];
    loop {
        stop.check()?;
        let read = from.read(&mut piece).map_err(damaged)?;
        if read == 0 {
            return Ok(());
        }
        budget.spend(read as u64)?;
        file.write_all(&piece[..read]).map_err(failed)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(items: &[(EntryType, &str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, path, content) in items {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let content = match *kind {
                EntryType::Link => {
                    header.set_link_name(content).unwrap();
                    &b""[..]
                }
                _ => content.as_bytes(),
            };
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("archive.tar");
        std::fs::write(&path, builder.into_inner().unwrap()).unwrap();
        (directory, path)
    }

    #[test]
    fn archive_may_have_directories_and_hard_links() {
        let (_directory, path) = packed(&[
            (EntryType::Directory, "one/", ""),
            (EntryType::Regular, "one/layer", "text"),
            (EntryType::Link, "two", "one/layer"),
        ]);
        let blobs = Blobs::archive(path).unwrap();
        let text = |name: &str| {
            let mut text = String::new();
            let file = blobs.file(name).unwrap();
            file.map(|mut file| file.read_to_string(&mut text).unwrap())?;
            Some(text)
        };
        assert_eq!(text("two").as_deref(), Some("text"));
        assert_eq!(text("one"), None, "a directory is no file");
    }

    #[test]
    fn archive_that_ends_early_is_damaged() {
        let (_directory, path) = packed(&[(EntryType::Regular, "layer", &"text".repeat(1000))]);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(2000).unwrap();
        let error = Blobs::archive(path).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        assert!(error.to_string().contains("ends in the middle"), "{error}");
    }

    #[test]
    fn archive_that_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let error = Blobs::archive(file.clone()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::NotFound);
        assert!(error.to_string().ends_with("file does not exist"), "{error}");
        std::fs::write(&file, "x").unwrap();
        let error = Blobs::archive(file.join("inner")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Io, "{error}");
        let error = Blobs::archive(directory.path().to_owned()).unwrap_err();
        assert!(error.to_string().ends_with("is no file"), "{error}");
    }

    #[test]
    fn archive_with_too_many_files_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(std::io::BufWriter::new(file.as_file()));
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        for number in 0..=MOST_FILES {
            header.set_path(format!("{number}")).unwrap();
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
        }
        builder.into_inner().unwrap().flush().unwrap();
        let error = Blobs::archive(file.path().to_owned()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        assert!(error.to_string().contains("more than 100000 files"), "{error}");
    }
}
