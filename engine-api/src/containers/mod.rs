//! Containers: making them, running them, looking at them, moving files in and out.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::containers::{CreateContainer, RemoveContainer, StartContainer, WaitCondition};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let containers = docker.containers();
//! let created = containers
//!     .create(CreateContainer {
//!         name: Some("greeter".into()),
//!         image: "busybox".into(),
//!         cmd: vec!["echo".into(), "hello".into()],
//!         ..Default::default()
//!     })
//!     .await?;
//! containers.start(&created.id, StartContainer::default()).await?;
//! let ended = containers.wait(&created.id, WaitCondition::NotRunning).await?;
//! assert_eq!(ended.status_code, 0);
//! containers.remove("greeter", RemoveContainer::default()).await?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod attach;
mod changes;
mod checks;
mod config;
mod create;
mod endpoints;
mod ensure;
mod files;
mod host_config;
mod inspect;
mod lifecycle;
mod list;
mod logs;
mod look;
mod mounts;
mod output;
mod ports;
mod prune;
mod remove;
mod resources;
mod run;
mod start;
mod state;
mod stats;
mod stop;
mod temporary;
mod terminal;
mod top;
mod update;
mod usage;
mod wait;

pub use archive::{PathStat, UploadArchive};
pub use attach::AttachContainer;
pub use changes::{Change, ChangeKind};
pub(crate) use checks::{Newer, newer_in_check, newer_in_mount};
pub use config::{ContainerConfig, HealthConfig};
pub use create::{ContainerCreated, CreateContainer};
pub use endpoints::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};
pub use ensure::RemoveOutcome;
pub use host_config::HostConfig;
pub use inspect::{
    Address, Container, DriverData, InspectContainer, NetworkSettings, RootFsSnapshot, RootFsStorage, Storage,
};
pub use list::{
    ContainerFilters, ContainerSummary, ContainerSummaryHostConfig, ContainerSummaryNetworkSettings,
    HealthSummary, ListContainers,
};
pub use logs::ReadLogs;
pub use mounts::{
    BindOptions, ClusterOptions, Consistency, ImageOptions, Mount, MountPoint, MountType, Propagation,
    TmpfsOptions, VolumeDriver, VolumeOptions,
};
pub(crate) use output::is_terminal;
pub use ports::{PortBinding, PortMap, PortProtocol, PortSummary};
pub use prune::{ContainersPruned, PruneContainers};
pub use remove::RemoveContainer;
pub use resources::{
    CgroupnsMode, DeviceMapping, DeviceRequest, Isolation, LogConfig, RestartMode, RestartPolicy,
    ThrottleDevice, Ulimit, WeightDevice,
};
pub use run::RunOutput;
pub(crate) use run::{Collected, Writing};
pub use start::StartContainer;
pub use state::{ContainerState, Health, HealthProbe, HealthStatus, RunState};
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, ReadStats, Stats,
    StorageStats, ThrottlingData,
};
pub use stop::{KillContainer, RestartContainer, StopContainer};
pub use terminal::TerminalSize;
pub use top::{Processes, TopContainer};
pub use update::{ContainerUpdated, UpdateContainer};
pub use wait::{ContainerExit, ContainerExitError, WaitCondition};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on containers; see [`Docker::containers`].
///
/// Every `id` may be a container's id, the start of one that is unique, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Containers<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The containers of this engine.
    pub fn containers(&self) -> Containers<'_> {
        Containers { docker: self }
    }
}

pub(crate) fn operations() -> impl Iterator<Item = &'static OperationInfo> {
    let groups: [&'static [&'static OperationInfo]; 4] = [
        &lifecycle::OPERATIONS,
        &look::OPERATIONS,
        &output::OPERATIONS,
        &files::OPERATIONS,
    ];
    groups.into_iter().flatten().copied()
}
