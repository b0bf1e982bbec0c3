//! Sockets in the directories of a specification: a program can connect to one that it sees, also
//! where files are read-only.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::NAME;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::error::{Error, Result};
use crate::spec::mount::{Mount, MountSource};

/// How many files of a mounted directory are looked at.
const MOST: usize = 100_000;

/// The first socket that is mounted, or that is in a mounted directory.
pub(super) fn first(mounts: &[Mount]) -> Result<Option<PathBuf>> {
    for mount in mounts {
        let MountSource::Host(path) = &mount.source else {
            continue;
        };
        if let Some(found) = find(path, MOST)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn find(path: &Path, most: usize) -> Result<Option<PathBuf>> {
    let failed = |path: &Path, error: io::Error| Error::io("look for sockets in", path, error);
    // A mount follows a link; links in a directory lead to files inside.
    let kind = fs::metadata(path).map_err(|e| failed(path, e))?.file_type();
    if kind.is_socket() {
        return Ok(Some(path.to_owned()));
    }
    let mut pending: Vec<PathBuf> = kind.is_dir().then(|| path.to_owned()).into_iter().collect();
    let mut seen = 0;
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).map_err(|e| failed(&directory, e))? {
            let entry = entry.map_err(|e| failed(&directory, e))?;
            seen += 1;
            if seen > most {
                let reason = format!(
                    "the profile hardened: {} has more than {most} files, so it is not known whether one is a \
                     socket; mount a smaller directory",
                    path.display()
                );
                let feature = Feature::SecurityOptions;
                return Err(Error::unsupported(NAME, vec![MissingFeature { feature, reason }]));
            }
            let kind = entry.file_type().map_err(|e| failed(&directory, e))?;
            if kind.is_socket() {
                return Ok(Some(entry.path()));
            }
            if kind.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn socket_in_a_mounted_directory_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        let mounts = |path: &Path| vec![Mount::tmpfs("/t", None), Mount::host(path, "/in")];
        assert_eq!(first(&mounts(directory.path())).unwrap(), None);
        assert_eq!(first(&mounts(&inner.join("file"))).unwrap(), None);
        let socket = inner.join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        for path in [directory.path(), &socket] {
            assert_eq!(first(&mounts(path)).unwrap().as_ref(), Some(&socket));
        }
        assert_eq!(first(&mounts(&link)).unwrap(), Some(link));
        let error = first(&mounts(Path::new("/no/such"))).unwrap_err();
        assert!(error.to_string().contains("/no/such"), "{error}");
    }

    #[test]
    fn directory_with_too_many_files_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(find(directory.path(), 3).unwrap(), None);
        let error = find(directory.path(), 2).unwrap_err();
        assert!(error.to_string().contains("more than 2 files"), "{error}");
    }
}
