//! Volumes: directories that outlive containers.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::volumes::{CreateVolume, ListVolumes, RemoveVolume};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let volumes = docker.volumes();
//! let cache = volumes.create(CreateVolume { name: "cache".into(), ..Default::default() }).await?;
//! println!("{} is at {}", cache.name, cache.mountpoint);
//! let unused = ListVolumes { dangling: Some(true), ..Default::default() };
//! for volume in volumes.list(unused).await?.volumes {
//!     println!("no container uses {}", volume.name);
//! }
//! volumes.remove("cache", RemoveVolume::default()).await?;
//! # Ok(())
//! # }
//! ```

mod cluster;
mod create;
mod inspect;
mod list;
mod prune;
mod remove;
mod update;

pub use cluster::{
    AccessMode, AccessScope, AccessSharing, BlockVolume, CapacityRange, ClusterVolume, ClusterVolumeInfo,
    ClusterVolumeSecret, ClusterVolumeSpec, MountVolume, PublishState, PublishStatus, TopologyRequirement,
    VolumeAvailability,
};
pub use create::CreateVolume;
pub use inspect::{Volume, VolumeScope, VolumeUsage};
pub use list::{ListVolumes, VolumeList};
pub use prune::{PruneVolumes, VolumesPruned};
pub use remove::RemoveVolume;
pub use update::UpdateVolume;

pub use crate::common::topology::Topology;

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on volumes; see [`Docker::volumes`].
#[derive(Debug, Clone, Copy)]
pub struct Volumes<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The volumes of this engine.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &list::LIST.info,
    &create::CREATE.info,
    &inspect::INSPECT.info,
    &update::UPDATE.info,
    &remove::REMOVE.info,
    &prune::PRUNE.info,
];
