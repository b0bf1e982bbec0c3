//! Volumes: folders that outlive containers.

mod cluster;
mod types;

pub use cluster::{
    AccessMode, AccessScope, AccessSharing, BlockVolume, CapacityRange, ClusterVolume, ClusterVolumeInfo,
    ClusterVolumeSecret, ClusterVolumeSpec, MountVolume, PublishState, PublishStatus, Topology,
    TopologyRequirement, VolumeAvailability,
};
pub use types::{Volume, VolumeScope, VolumeUsage};
