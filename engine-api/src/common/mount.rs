//! Mounts: asked for in a configuration, and as replies show them.

use serde::{Deserialize, Serialize};

use super::{DriverOptions, StringMap};
use crate::version::Version;
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// A mount to make in a container; options must be those of its type. Definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Mount {
    /// The path inside the container.
    pub target: String,
    /// What is mounted: a path of the host, a volume's or an image's name; empty for `tmpfs`.
    pub source: String,
    /// What kind of thing is mounted.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Whether the container may not write there.
    pub read_only: bool,
    /// How soon writes show on the other side; only some engines on other systems than Linux care.
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

/// Options of a mount of a host's path. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BindOptions {
    /// Whether mounts made later on one side show on the other.
    pub propagation: Propagation,
    /// Whether mounts below the source are left out.
    pub non_recursive: bool,
    /// Whether the source is made when it does not exist. Since API 1.42.
    pub create_mountpoint: bool,
    /// Whether a read-only mount leaves mounts below it writable. Since API 1.44.
    pub read_only_non_recursive: bool,
    /// Whether it is an error if mounts below cannot be made read-only. Since API 1.44.
    pub read_only_force_recursive: bool,
}

/// Options of a mount of a volume. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeOptions {
    /// Whether an empty volume stays empty, instead of being filled with what the image has there.
    pub no_copy: bool,
    /// Labels of the volume, if it is made now.
    pub labels: StringMap,
    /// The driver of the volume, if it is made now.
    pub driver_config: Option<VolumeDriver>,
    /// The folder inside the volume to mount. Since API 1.45.
    pub subpath: String,
}

/// A volume driver and its options. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeDriver {
    /// The driver's name.
    pub name: String,
    /// Options that are handed to the driver.
    pub options: DriverOptions,
}

/// Options of a mount of an image. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageOptions {
    /// The folder inside the image to mount.
    pub subpath: String,
}

/// Options of a file system in memory. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TmpfsOptions {
    /// The size in bytes; 0 is no limit.
    pub size_bytes: i64,
    /// The permissions, such as `0o1777`; 0 is the engine's default.
    pub mode: u32,
    /// Further options, each a flag (`["noexec"]`) or a pair (`["uid", "1000"]`). Since API 1.46.
    pub options: Vec<Vec<String>>,
}

/// Options of a mount of a cluster volume; there are none yet. Part of definition `Mount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterOptions {}

/// What kind of thing is mounted. Definition `MountType`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MountType {
    /// A file or folder of the host.
    Bind,
    /// A volume of a cluster. Since API 1.42.
    Cluster,
    /// An image. Since API 1.48.
    Image,
    /// A named pipe of the host (Windows).
    Npipe,
    /// A file system in memory.
    Tmpfs,
    /// A volume.
    Volume,
    /// A kind this crate does not know.
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

/// Whether mounts made later on one side of a mount show on the other; see `mount_namespaces(7)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// Neither way.
    Private,
    /// Neither way, and so for the mounts below: the default.
    Rprivate,
    /// Both ways.
    Shared,
    /// Both ways, and so for the mounts below.
    Rshared,
    /// From the host to the container.
    Slave,
    /// From the host to the container, and so for the mounts below.
    Rslave,
    /// A propagation this crate does not know.
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

/// How soon writes to a mount show on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// As the engine likes.
    Default,
    /// At once.
    Consistent,
    /// The host's writes may show late in the container.
    Cached,
    /// The container's writes may show late on the host.
    Delegated,
    /// A word this crate does not know.
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
    fn mount_options_of_a_newer_kind_are_newer_too() {
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
