//! Mounts as a container has them.

use serde::{Deserialize, Serialize};

use crate::common::{MountType, Propagation};

/// A mount as a container has it. Definition `MountPoint`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct MountPoint {
    /// What kind of thing is mounted.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// The volume's name; empty for what has none.
    pub name: String,
    /// The host's path that is mounted; for a volume, where it lies.
    pub source: String,
    /// The path inside the container.
    pub destination: String,
    /// The volume's driver.
    pub driver: String,
    /// The options as they were given: `z`, `ro,noexec` …
    pub mode: String,
    /// Whether the container may write there.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Whether mounts made later on one side show on the other.
    pub propagation: Propagation,
}
