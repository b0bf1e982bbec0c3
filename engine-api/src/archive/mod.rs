//! Packs and unpacks tar archives while they stream.
//!
//! Containers send and receive files as tar archives. These functions read and write the files of
//! the host, in a thread for blocking work, and keep no more than a few pieces in memory.
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

mod entry_names;
mod gnu_names;
#[cfg(test)]
mod hostile;
mod pack;
mod unpack;
mod write_entries;

use std::io;
use std::path::{Component, Path};
use std::time::{SystemTime, UNIX_EPOCH};

use tar::{Builder, EntryType, Header};

pub use gnu_names::gnu_names;
#[cfg(feature = "buildkit")]
pub(crate) use pack::open;
pub(crate) use pack::{append_one, children, no_file, packing};
pub use pack::{pack, pack_contents};
pub use unpack::unpack;
#[cfg(feature = "buildkit")]
pub(crate) use unpack::{END, unpack_all};

use crate::error::{Cause, Error, Result};
use crate::wire::body::Upload;

/// The size of a piece in a channel, in bytes.
const PIECE: usize = 64 * 1024;

/// The number of pieces that a channel holds.
const WAITING: usize = 4;

/// Packs one file from memory: its path in the archive, its permissions (`0o644`), its contents.
/// The owner is root, and the modification time is now.
///
/// # Errors
///
/// When `name` is not a relative path without `..`.
pub fn file(name: &str, mode: u32, contents: impl AsRef<[u8]>) -> Result<Upload> {
    file_of(name, mode, contents, None)
}

/// [`file()`] with a modification time, in seconds since 1970.
pub(crate) fn file_of(
    name: &str,
    mode: u32,
    contents: impl AsRef<[u8]>,
    modified: Option<u64>,
) -> Result<Upload> {
    files_of([(name, contents.as_ref())], mode, modified)
}

/// Packs files from memory, each with its path in the archive and its contents.
pub(crate) fn files_of<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    mode: u32,
    modified: Option<u64>,
) -> Result<Upload> {
    // Without a time, the files would be from 1970. Zip files cannot store that year.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut builder = Builder::new(Vec::new());
    for (name, contents) in files {
        check(name)?;
        let mut header = Header::new_gnu();
        header.set_mode(mode);
        header.set_size(contents.len() as u64);
        header.set_entry_type(EntryType::Regular);
        header.set_mtime(modified.unwrap_or(now.as_secs()));
        entry_names::append(&mut builder, &mut header, Path::new(name), None, contents)
            .map_err(|error| Error::local(Cause::UploadSource(error)))?;
    }
    let packed = builder.into_inner().map(Upload::from);
    packed.map_err(|error| Error::local(Cause::UploadSource(error)))
}

/// Rejects names that lead out of the directory into which an archive is unpacked.
pub(crate) fn check(name: impl AsRef<Path>) -> Result<()> {
    let name = name.as_ref();
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let bytes = name.as_os_str().as_encoded_bytes();
    if !bytes.is_empty() && !bytes.contains(&0) && name.components().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{name:?} cannot be a name in an archive; pass a relative path without `..`"
    )))
}

pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::body::Body;

    #[test]
    fn one_file_from_memory() {
        let Body::Full(archive) = file("etc/x", 0o600, "hello").unwrap().0 else {
            panic!("it is in memory")
        };
        let mut archive = tar::Archive::new(&archive[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!((entry.path().unwrap().to_str(), entry.size()), (Some("etc/x"), 5));
        // Zip files cannot store a time before 1980, and wheels are zip files.
        assert!(entry.header().mtime().unwrap() > 315_532_800);
    }

    #[test]
    fn name_that_leads_out_is_an_error() {
        for name in ["", "/etc", "../x", "a/../../b", "a\0b"] {
            assert!(file(name, 0o644, "").is_err(), "{name:?}");
            assert!(pack(".", name).is_err(), "{name:?}");
        }
    }
}
