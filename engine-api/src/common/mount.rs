//! Mounts to create in a container.

use serde::{Deserialize, Serialize};

use super::{DriverOptions, StringMap};
use crate::version::Version;
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// A mount to create in a container; its options must be those of its type. Definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Mount {
    /// Path inside the container.
    pub target: String,
    /// Source: a path of the host, or the name of a volume or image; empty for `tmpfs`.
    pub source: String,
    /// Type of the mount.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Whether the mount is read-only.
    pub read_only: bool,
    /// Consistency of the two sides; only some engines outside Linux use it.
    pub consistency: Consistency,
    /// Options of [`MountType::Bind`].
    pub bind_options: Option<BindOptions>,
    /// Options of [`MountType::Volume`].
    pub volume_options: Option<VolumeOptions>,
    /// Options of [`MountType::Image`]. Since API 1.48.
    pub image_options: Option<ImageOptions>,
    /// Options of [`MountType::Tmpfs`].
    pub tmpfs_options: Option<TmpfsOptions>,
    /// Options of [`MountType::Cluster`]. Since API 1.42.
    pub cluster_options: Option<ClusterOptions>,
}

/// Options of a bind mount. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BindOptions {
    /// Whether later mounts on one side appear on the other.
    pub propagation: Propagation,
    /// Whether mounts below the source are excluded.
    pub non_recursive: bool,
    /// Whether the source is created when it does not exist. Since API 1.42.
    pub create_mountpoint: bool,
    /// Whether mounts below a read-only mount stay writable. Since API 1.44.
    pub read_only_non_recursive: bool,
    /// Whether to fail if mounts below cannot be made read-only. Since API 1.44.
    pub read_only_force_recursive: bool,
}

/// Options of a volume mount. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeOptions {
    /// Whether an empty volume stays empty, instead of being filled with the image's files.
    pub no_copy: bool,
    /// Labels of the volume, if it is created by this mount.
    pub labels: StringMap,
    /// Driver of the volume, if it is created by this mount.
    pub driver_config: Option<VolumeDriver>,
    /// Directory inside the volume to mount. Since API 1.45.
    pub subpath: String,
}

/// A volume driver and its options. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeDriver {
    /// Name of the driver.
    pub name: String,
    /// Options of the driver.
    pub options: DriverOptions,
}

/// Options of an image mount. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageOptions {
    /// Directory inside the image to mount.
    pub subpath: String,
}

/// Options of a tmpfs mount. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TmpfsOptions {
    /// Size limit in bytes; 0 is unlimited.
    pub size_bytes: i64,
    /// Permissions, such as `0o1777`; 0 is the engine's default.
    pub mode: u32,
    /// More options, each a flag (`["noexec"]`) or a pair (`["uid", "1000"]`). Since API 1.46.
    pub options: Vec<Vec<String>>,
}

/// Options of a cluster volume mount; the API defines none yet. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterOptions {}

/// Type of a mount. Definition `MountType`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MountType {
    /// A file or directory of the host.
    Bind,
    /// A volume of a cluster. Since API 1.42.
    Cluster,
    /// An image. Since API 1.48.
    Image,
    /// A named pipe of the host (Windows).
    Npipe,
    /// A file system in memory (tmpfs).
    Tmpfs,
    /// A volume.
    Volume,
    /// A type that this crate does not know.
    Other(String),
}

open_enum!(MountType {
    Bind = "bind",
    Cluster = "cluster",
    Image = "image",
    Npipe = "npipe",
    Tmpfs = "tmpfs",
    Volume = "volume",
});

/// Whether later mounts on one side of a mount appear on the other; see `mount_namespaces(7)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// In neither direction.
    Private,
    /// In neither direction, also for mounts below: the default.
    Rprivate,
    /// In both directions.
    Shared,
    /// In both directions, also for mounts below.
    Rshared,
    /// From the host to the container.
    Slave,
    /// From the host to the container, also for mounts below.
    Rslave,
    /// A propagation that this crate does not know.
    Other(String),
}

open_enum!(Propagation {
    Private = "private",
    Rprivate = "rprivate",
    Shared = "shared",
    Rshared = "rshared",
    Slave = "slave",
    Rslave = "rslave",
});

/// How consistent the two sides of a mount are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// The engine's default.
    Default,
    /// Writes appear at once on the other side.
    Consistent,
    /// Writes of the host may appear late in the container.
    Cached,
    /// Writes of the container may appear late on the host.
    Delegated,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(Consistency {
    Default = "default",
    Consistent = "consistent",
    Cached = "cached",
    Delegated = "delegated",
});

impl Mount {
    pub(crate) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let bind = self.bind_options.as_ref();
        let volume = self.volume_options.as_ref();
        let tmpfs = self.tmpfs_options.as_ref();
        [
            (self.kind == MountType::Image, "MountType::Image", 48),
            (self.image_options.is_some(), "Mount::image_options", 48),
            (self.kind == MountType::Cluster, "MountType::Cluster", 42),
            (self.cluster_options.is_some(), "Mount::cluster_options", 42),
            (
                bind.is_some_and(|bind| bind.create_mountpoint),
                "BindOptions::create_mountpoint",
                42,
            ),
            (
                bind.is_some_and(|bind| bind.read_only_non_recursive),
                "BindOptions::read_only_non_recursive",
                44,
            ),
            (
                bind.is_some_and(|bind| bind.read_only_force_recursive),
                "BindOptions::read_only_force_recursive",
                44,
            ),
            (
                volume.is_some_and(|volume| !volume.subpath.is_empty()),
                "VolumeOptions::subpath",
                45,
            ),
            (
                tmpfs.is_some_and(|tmpfs| !tmpfs.options.is_empty()),
                "TmpfsOptions::options",
                46,
            ),
        ]
        .into_iter()
        .filter_map(|(used, what, minor)| Requirement::since(used, what, Version::new(1, minor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_options_require_the_version_of_their_type() {
        let mount = Mount {
            image_options: Some(Default::default()),
            cluster_options: Some(Default::default()),
            ..Default::default()
        };
        let expected = [
            Requirement::since(true, "Mount::image_options", Version::new(1, 48)),
            Requirement::since(true, "Mount::cluster_options", Version::new(1, 42)),
        ];
        assert!(mount.requires().eq(expected.into_iter().flatten()));
    }
}
