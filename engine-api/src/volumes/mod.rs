//! Volumes: folders that outlive containers.
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
mod list;
mod remove;
mod types;

pub use cluster::{
    AccessMode, AccessScope, AccessSharing, BlockVolume, CapacityRange, ClusterVolume, ClusterVolumeInfo,
    ClusterVolumeSecret, ClusterVolumeSpec, MountVolume, PublishState, PublishStatus, Topology,
    TopologyRequirement, VolumeAvailability,
};
pub use create::{CreateVolume, UpdateVolume};
pub use list::{ListVolumes, VolumeList};
pub use remove::{PruneVolumes, RemoveVolume, VolumesPruned};
pub use types::{Volume, VolumeScope, VolumeUsage};

use crate::Version;
use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};

static LIST: Operation<Json<VolumeList>> = Operation::get("VolumeList", "/volumes");
static CREATE: Operation<Json<Volume>> = Operation::post("VolumeCreate", "/volumes/create").success(&[201]);
static INSPECT: Operation<Json<Volume>> = Operation::get("VolumeInspect", "/volumes/{name}");
static UPDATE: Operation<Empty> = Operation::put("VolumeUpdate", "/volumes/{name}").since(CLUSTER);
static REMOVE: Operation<Empty> = Operation::delete("VolumeDelete", "/volumes/{name}").success(&[204]);
static PRUNE: Operation<Json<VolumesPruned>> = Operation::post("VolumePrune", "/volumes/prune").slow();

pub(crate) static OPERATIONS: [&OperationInfo; 6] = [
    &LIST.info,
    &CREATE.info,
    &INSPECT.info,
    &UPDATE.info,
    &REMOVE.info,
    &PRUNE.info,
];

/// The version that brought volumes of a cluster, and the difference between named and anonymous ones.
const CLUSTER: Version = Version::new(1, 42);

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

impl Volumes<'_> {
    /// Lists volumes.
    pub async fn list(&self, options: ListVolumes) -> Result<VolumeList> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Makes a volume, or gives the one that has this name and this driver already.
    ///
    /// # Errors
    ///
    /// 404 when there is no such driver; Podman says 500.
    pub async fn create(&self, volume: CreateVolume) -> Result<Volume> {
        let cluster = volume.cluster_volume_spec.is_some();
        self.docker
            .call(&CREATE)
            .about(&volume.name)
            .json(&volume)
            .needs(cluster, "CreateVolume::cluster_volume_spec", CLUSTER)
            .send()
            .await
    }

    /// Tells all about a volume.
    pub async fn inspect(&self, name: &str) -> Result<Volume> {
        self.docker.call(&INSPECT).at(name).send().await
    }

    /// Changes whether tasks may use a volume of a cluster; other volumes cannot be changed.
    ///
    /// # Errors
    ///
    /// 503 when the engine is no manager of a swarm ([`crate::Error::is_unavailable`]).
    pub async fn update(&self, name: &str, options: UpdateVolume) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(name)
            .query(options.query())
            .json(&options)
            .send()
            .await
    }

    /// Removes a volume and all that is in it.
    ///
    /// # Errors
    ///
    /// 409 when a container uses it, running or not ([`crate::Error::is_conflict`]).
    pub async fn remove(&self, name: &str, options: RemoveVolume) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(name)
            .query(options.query())
            .send()
            .await
    }

    /// Removes the volumes that no container uses and that pass the filters.
    ///
    /// Docker below API 1.42, and Podman, remove named ones, too; others only with [`PruneVolumes::all`].
    pub async fn prune(&self, options: PruneVolumes) -> Result<VolumesPruned> {
        self.docker
            .call(&PRUNE)
            .query(options.query())
            .needs(options.all, "PruneVolumes::all", CLUSTER)
            .send()
            .await
    }
}
