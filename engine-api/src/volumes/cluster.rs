//! Cluster volumes, which a storage plugin (CSI) manages.

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
    /// Its ID in the swarm, which can be used instead of its name. An update requires it.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Its version; an update must send it.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: ClusterVolumeSpec,
    /// Details from the storage plugin.
    pub info: Option<ClusterVolumeInfo>,
    /// Its status on nodes.
    pub publish_status: Vec<PublishStatus>,
}

/// The specification of a volume of a cluster. Definition `ClusterVolumeSpec`. Since API 1.42.
///
/// In the API description, the fields after `access_mode` are nested in it; in engines they are
/// here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolumeSpec {
    /// Its group; services may request any volume of a group.
    pub group: String,
    /// How tasks may use it.
    pub access_mode: Option<AccessMode>,
    /// Secrets for the storage plugin.
    pub secrets: Vec<ClusterVolumeSecret>,
    /// The topologies in which it must be accessible.
    pub accessibility_requirements: Option<TopologyRequirement>,
    /// The requested size; `None` lets the plugin choose.
    pub capacity_range: Option<CapacityRange>,
    /// Its availability for tasks.
    pub availability: VolumeAvailability,
}

/// How tasks may use a volume. One of `mount_volume` and `block_volume` is required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AccessMode {
    /// The number of nodes that may use it at the same time.
    pub scope: AccessScope,
    /// The number of tasks that may use it at the same time.
    pub sharing: AccessSharing,
    /// It is used as a file system.
    pub mount_volume: Option<MountVolume>,
    /// It is used as a block device.
    pub block_volume: Option<BlockVolume>,
}

/// The number of nodes that may use a volume at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessScope {
    /// On one.
    Single,
    /// Any number.
    Multi,
    /// A value that this crate does not know; empty is the engine's default, `single`.
    Other(String),
}

open_enum!(AccessScope {
    Single = "single",
    Multi = "multi",
});

/// The number of tasks that may use a volume at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessSharing {
    /// By one.
    None,
    /// Any number, only for reading.
    ReadOnly,
    /// Any number of readers, and one writer.
    OneWriter,
    /// Any number.
    All,
    /// A value that this crate does not know; empty is the engine's default, `none`.
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

/// A secret of the swarm for the storage plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterVolumeSecret {
    /// Its name in the plugin.
    pub key: String,
    /// The secret, by name or id.
    pub secret: String,
}

/// The topologies in which a volume must be accessible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TopologyRequirement {
    /// It must be accessible in at least one of these topologies.
    pub requisite: Vec<Topology>,
    /// It should be accessible in these topologies, in the order of preference.
    pub preferred: Vec<Topology>,
}

/// The requested size of a volume in bytes; 0 for no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CapacityRange {
    /// At least.
    pub required_bytes: i64,
    /// At most.
    pub limit_bytes: i64,
}

/// The availability of a volume for tasks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VolumeAvailability {
    /// They may.
    Active,
    /// No new tasks may use it; current tasks keep it.
    Pause,
    /// No tasks may use it; current tasks are stopped.
    Drain,
    /// A value that this crate does not know; empty is the engine's default, `active`.
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
    /// Its size in bytes; 0 if it is unknown.
    pub capacity_bytes: i64,
    /// The reply of the plugin when it created the volume.
    pub volume_context: BTreeMap<String, String>,
    /// Its ID in the plugin; empty before it is created.
    #[serde(rename = "VolumeID")]
    pub volume_id: String,
    /// The topologies in which it is accessible.
    pub accessible_topology: Vec<Topology>,
}

/// The status of a volume on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PublishStatus {
    /// The node's id.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its state.
    pub state: PublishState,
    /// The reply of the plugin to the publication of the volume.
    pub publish_context: BTreeMap<String, String>,
}

/// The status of a volume on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublishState {
    /// The publication is pending in the plugin.
    PendingPublish,
    /// It is.
    Published,
    /// The removal from the node is pending on the node.
    PendingNodeUnpublish,
    /// The removal from the node is pending in the plugin.
    PendingControllerUnpublish,
    /// A value that this crate does not know.
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
