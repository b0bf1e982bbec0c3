//! The directory of a volume, where the configuration names a place for volumes.

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
        std::fs::create_dir(&path)?;
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
            let _ = std::fs::remove_dir_all(&self.path);
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

/// Removes the directory of a volume that does not exist any more.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the directory of the volume", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_of_volume_the_same_name_is_removed() {
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
