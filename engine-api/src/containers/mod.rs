//! Containers: create, run, inspect, copy files in and out, remove.
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
//!         cmd: ["echo", "hello"].into(),
//!         ..Default::default()
//!     })
//!     .await?;
//! containers.start(&created.id, StartContainer::default()).await?;
//! let exit = containers.wait(&created.id, WaitCondition::NotRunning).await?;
//! assert_eq!(exit.status_code, 0);
//! containers.remove("greeter", RemoveContainer::default()).await?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod attach;
mod changes;
mod check_values;
mod create;
mod create_temporary;
mod host_config;
mod inspect;
mod list;
mod logs;
mod mounts;
mod networking;
mod pause;
mod ports;
mod prune;
mod publish;
mod remove;
mod remove_and_wait;
mod rename;
mod resize;
mod resources;
mod run;
mod start;
mod state;
mod stats;
mod stop;
mod top;
mod update;
mod usage;
mod wait;

pub use archive::{PathStat, UploadArchive};
pub use attach::AttachContainer;
pub use changes::{Change, ChangeKind};
pub use create::{ContainerCreated, CreateContainer};
pub use create_temporary::TemporaryContainer;
pub use host_config::HostConfig;
pub use inspect::{
    Address, Container, DriverData, InspectContainer, NetworkSettings, RootFsSnapshot, RootFsStorage, Storage,
};
pub use list::{
    ContainerFilters, ContainerSummary, ContainerSummaryHostConfig, ContainerSummaryNetworkSettings,
    HealthSummary, ListContainers,
};
pub use logs::ReadLogs;
pub use mounts::MountPoint;
pub use networking::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};
pub use ports::{PortBinding, PortMap, PortSummary};
pub use prune::{ContainersPruned, PruneContainers};
pub use publish::HostPort;
pub use remove::RemoveContainer;
pub use remove_and_wait::RemoveOutcome;
pub use resources::{
    CgroupnsMode, DeviceMapping, DeviceRequest, LogConfig, RestartMode, RestartPolicy, ThrottleDevice,
    WeightDevice,
};
#[cfg(feature = "full")]
pub use run::PullPolicy;
pub use run::RunContainer;
pub use start::StartContainer;
pub use state::{ContainerState, Health, HealthProbe, HealthStatus, RunState};
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, ReadStats, Stats,
    StorageStats, ThrottlingData,
};
pub use stop::{KillContainer, RestartContainer, StopContainer};
pub use top::{Processes, TopContainer};
pub use update::{ContainerUpdated, UpdateContainer};
pub use wait::{ContainerExit, ContainerExitError, WaitCondition};

use crate::client::Docker;
pub use crate::common::{
    BindOptions, ClusterOptions, Consistency, ContainerConfig, HealthConfig, ImageOptions, Isolation, Mount,
    MountType, Port, PortProtocol, Propagation, TerminalSize, TmpfsOptions, Ulimit, VolumeDriver,
    VolumeOptions,
};
use crate::wire::operation::OperationInfo;
pub use crate::wire::stream::RunOutput;

/// Calls on containers; see [`Docker::containers`].
///
/// Every `id` is a container's ID, a unique prefix of it, or its name.
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

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &create::CREATE.info,
    &start::START.info,
    &stop::STOP.info,
    &stop::RESTART.info,
    &stop::KILL.info,
    &pause::PAUSE.info,
    &pause::UNPAUSE.info,
    &rename::RENAME.info,
    &update::UPDATE.info,
    &wait::WAIT.info,
    &remove::REMOVE.info,
    &prune::PRUNE.info,
    &list::LIST.info,
    &inspect::INSPECT.info,
    &top::TOP.info,
    &changes::CHANGES.info,
    &stats::STATS.info,
    &logs::LOGS.info,
    &attach::ATTACH.info,
    &resize::RESIZE.info,
    &archive::STAT.info,
    &archive::DOWNLOAD.info,
    &archive::UPLOAD.info,
    &archive::EXPORT.info,
];
