//! Mounts of a container.

use serde::{Deserialize, Serialize};

use crate::common::{MountType, Propagation};

/// A mount of a container. Definition `MountPoint`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct MountPoint {
    /// Type of the mount.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Name of the volume; empty for other types.
    pub name: String,
    /// Path on the host.
    pub source: String,
    /// Path inside the container.
    pub destination: String,
    /// Driver of the volume.
    pub driver: String,
    /// Options of the request: `z`, `ro,noexec` …
    pub mode: String,
    /// Whether the mount is writable.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Whether later mounts on one side appear on the other.
    pub propagation: Propagation,
}
