//! The directory of a volume, where the configuration names a place for volumes.
//!
//! A daemon says which directory a removed volume had, and a daemon may say anything. So a file
//! beside each directory marks those that this user has created; no other one is removed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use engine_api::common::DriverOptions;
use engine_api::volumes::Volume;

use crate::error::{Error, Result};

/// The directory of a new volume. Dropping it removes the directory, unless it is kept.
pub(super) struct VolumeDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl VolumeDirectory {
    /// Creates it; an error if it exists.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let mark = mark(&path).ok_or(io::ErrorKind::InvalidInput)?;
        File::create_new(&mark)?;
        if let Err(error) = std::fs::create_dir(&path) {
            std::fs::remove_file(mark)?;
            return Err(error);
        }
        Ok(Self { path, is_kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The options by which the driver `local` uses it.
    pub(super) fn options(&self) -> DriverOptions {
        let device = self.path.display().to_string();
        [("type", "none"), ("o", "bind"), ("device", device.as_str())].into()
    }

    /// The volume exists.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for VolumeDirectory {
    fn drop(&mut self) {
        if !self.is_kept {
            // The error of the creation is reported.
            let _ = remove(&self.path);
        }
    }
}

/// The directory of a volume that [`Volumes::create`](super::Volumes::create) has created in one of
/// its own.
pub(super) fn of_volume(volume: &Volume) -> Option<PathBuf> {
    let device = volume.options.get("device").filter(|device| !device.is_empty())?;
    let path = PathBuf::from(device);
    let is_own = path.is_absolute() && path.file_name().is_some_and(|name| name == volume.name.as_str());
    is_own.then_some(path)
}

/// Removes the directory of a volume that does not exist any more, if this user has created it.
pub(super) fn remove(path: &Path) -> Result<()> {
    let Some(mark) = mark(path).filter(|mark| is_own(mark)) else {
        return Ok(());
    };
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    gone(std::fs::remove_dir_all(path))
        .and_then(|()| gone(std::fs::remove_file(mark)))
        .map_err(|error| Error::io("remove the directory of the volume", path, error))
}

/// Removes what a killed process has left of a volume in a directory for volumes, if this user has
/// created it: its directory, or only the mark. The volume itself does not exist.
pub(super) fn remove_left(base: &Path, volume: &str) -> Result<()> {
    let path = base.join(volume);
    match path.parent() == Some(base) && path.file_name().is_some_and(|name| name == volume) {
        true => remove(&path),
        false => Ok(()),
    }
}

/// The file that marks a directory.
fn mark(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".isolate");
    Some(path.with_file_name(name))
}

/// Whether it is a file of this user, and no other name of another file.
#[cfg(unix)]
fn is_own(mark: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(mark)
        .is_ok_and(|found| found.is_file() && found.uid() == user && found.nlink() == 1)
}

#[cfg(not(unix))]
fn is_own(mark: &Path) -> bool {
    std::fs::symlink_metadata(mark).is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_without_a_mark_stays() {
        let base = tempfile::tempdir().unwrap();
        let (own, other) = (base.path().join("own"), base.path().join("other"));
        let made = VolumeDirectory::create(own.clone()).unwrap();
        std::fs::write(own.join("file"), "text").unwrap();
        made.keep();
        std::fs::create_dir(&other).unwrap();
        assert!(VolumeDirectory::create(other.clone()).is_err());
        remove(&other).unwrap();
        remove(&own).unwrap();
        remove(&own).unwrap();
        let left: Vec<_> = std::fs::read_dir(base.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(other.exists());
        // A hard link to another file does not mark a directory.
        let file = base.path().join("file");
        std::fs::write(&file, "").unwrap();
        std::fs::hard_link(&file, base.path().join(".other.isolate")).unwrap();
        remove(&other).unwrap();
        assert!(!cfg!(unix) || other.exists());
        drop(VolumeDirectory::create(own.clone()).unwrap());
        assert!(!own.exists());
    }

    #[test]
    fn rest_of_a_killed_process_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let (own, mark) = (base.path().join("own"), base.path().join(".own.isolate"));
        VolumeDirectory::create(own.clone()).unwrap().keep();
        for name in ["", ".", "..", "own/..", "/own", "other"] {
            remove_left(base.path(), name).unwrap();
            assert!(own.exists() && mark.exists(), "{name}");
        }
        remove_left(base.path(), "own").unwrap();
        assert!(!own.exists() && !mark.exists());
        File::create_new(&mark).unwrap();
        remove_left(base.path(), "own").unwrap();
        assert!(!mark.exists());
    }

    #[test]
    fn only_a_directory_of_the_same_name_is_removed() {
        let volume = |device: &str| {
            let mut volume = Volume::default();
            volume.name = "ptest_vol_1".to_owned();
            volume.options = [("device", device)].into();
            volume
        };
        let own = of_volume(&volume("/base/ptest_vol_1"));
        assert_eq!(own, Some(PathBuf::from("/base/ptest_vol_1")));
        for device in ["", "/", "/base/other", "ptest_vol_1", "/base/ptest_vol_1/.."] {
            assert_eq!(of_volume(&volume(device)), None, "{device}");
        }
        assert_eq!(of_volume(&Volume::default()), None);
    }
}
