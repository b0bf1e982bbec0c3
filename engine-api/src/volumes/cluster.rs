//! Volumes that belong to a cluster, kept by a storage plugin (CSI).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::object_version::ObjectVersion;
use crate::common::topology::Topology;
use crate::wire::json::open_enum;

/// A volume of a cluster. Definition `ClusterVolume`. Since API 1.42.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolume {
    /// Its id in the swarm, which can stand for its name.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Its version; an update must send it.
    pub version: ObjectVersion,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: ClusterVolumeSpec,
    /// Details from the storage plugin.
    pub info: Option<ClusterVolumeInfo>,
    /// On which nodes it is made available.
    pub publish_status: Vec<PublishStatus>,
}

/// The specification of a volume of a cluster. Definition `ClusterVolumeSpec`. Since API 1.42.
///
/// The API description nests the fields after `access_mode` in it; engines have them here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolumeSpec {
    /// Its group; services may ask for any volume of a group.
    pub group: String,
    /// How tasks may use it.
    pub access_mode: Option<AccessMode>,
    /// Secrets that the storage plugin gets.
    pub secrets: Vec<ClusterVolumeSecret>,
    /// Where it must be reachable.
    pub accessibility_requirements: Option<TopologyRequirement>,
    /// How large it should be; `None` leaves it to the plugin.
    pub capacity_range: Option<CapacityRange>,
    /// Whether tasks may use it.
    pub availability: VolumeAvailability,
}

/// How tasks may use a volume. One of `mount_volume` and `block_volume` must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AccessMode {
    /// On how many nodes at once.
    pub scope: AccessScope,
    /// By how many tasks at once.
    pub sharing: AccessSharing,
    /// It is used as a file system.
    pub mount_volume: Option<MountVolume>,
    /// It is used as a block device.
    pub block_volume: Option<BlockVolume>,
}

/// On how many nodes at once a volume can be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessScope {
    /// On one.
    Single,
    /// On any number.
    Multi,
    /// A word this crate does not know; empty is the engine's default, `single`.
    Other(String),
}

open_enum!(AccessScope {
    Single = "single",
    Multi = "multi",
});

/// By how many tasks at once a volume can be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessSharing {
    /// By one.
    None,
    /// By any number that only read.
    ReadOnly,
    /// By any number, of which one writes.
    OneWriter,
    /// By any number.
    All,
    /// A word this crate does not know; empty is the engine's default, `none`.
    Other(String),
}

open_enum!(AccessSharing {
    None = "none",
    ReadOnly = "readonly",
    OneWriter = "onewriter",
    All = "all",
});

/// A volume used as a file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MountVolume {
    /// The kind of file system; empty leaves it to the plugin.
    pub fs_type: String,
    /// Options to mount it with.
    pub mount_flags: Vec<String>,
}

/// A volume used as a block device; it has no options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockVolume {}

/// A secret of the swarm that the storage plugin gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolumeSecret {
    /// Its name in the plugin.
    pub key: String,
    /// The secret, by name or id.
    pub secret: String,
}

/// Where a volume must be reachable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TopologyRequirement {
    /// From one of these places at least.
    pub requisite: Vec<Topology>,
    /// From these places if possible, the first one first.
    pub preferred: Vec<Topology>,
}

/// How large a volume should be, in bytes; 0 for no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CapacityRange {
    /// At least.
    pub required_bytes: i64,
    /// At most.
    pub limit_bytes: i64,
}

/// Whether tasks may use a volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VolumeAvailability {
    /// They may.
    Active,
    /// Tasks that have it keep it; no others get it.
    Pause,
    /// No task may; tasks that have it are stopped.
    Drain,
    /// A word this crate does not know; empty is the engine's default, `active`.
    Other(String),
}

open_enum!(VolumeAvailability {
    Active = "active",
    Pause = "pause",
    Drain = "drain",
});

/// Details of a volume from its storage plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolumeInfo {
    /// Its size in bytes; 0 when not known.
    pub capacity_bytes: i64,
    /// The reply of the plugin when it created the volume.
    pub volume_context: BTreeMap<String, String>,
    /// Its id in the plugin; empty while it is not made.
    #[serde(rename = "VolumeID")]
    pub volume_id: String,
    /// Where it is reachable.
    pub accessible_topology: Vec<Topology>,
}

/// How far a volume is available on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PublishStatus {
    /// The node's id.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// How far it is.
    pub state: PublishState,
    /// The reply of the plugin when it made the volume available.
    pub publish_context: BTreeMap<String, String>,
}

/// How far a volume is available on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublishState {
    /// It will be, but the plugin has not done its part.
    PendingPublish,
    /// It is.
    Published,
    /// It will not be, but the node has not let go of it.
    PendingNodeUnpublish,
    /// It will not be, but the plugin has not let go of it.
    PendingControllerUnpublish,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(PublishState {
    PendingPublish = "pending-publish",
    Published = "published",
    PendingNodeUnpublish = "pending-node-unpublish",
    PendingControllerUnpublish = "pending-controller-unpublish",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn block_volume_is_an_empty_object() {
        let spec = ClusterVolumeSpec {
            access_mode: Some(AccessMode {
                scope: AccessScope::Multi,
                block_volume: Some(BlockVolume {}),
                ..Default::default()
            }),
            ..Default::default()
        };
        let text = encode(&spec).unwrap();
        assert_eq!(text, br#"{"AccessMode":{"Scope":"multi","BlockVolume":{}}}"#);
        assert_eq!(decode::<ClusterVolumeSpec>(&text).unwrap(), spec);
    }
}
