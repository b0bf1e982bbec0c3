//! Containers: what they are made from, how they live, what they use.

mod archive;
mod attach;
mod changes;
mod config;
mod create;
mod endpoints;
mod host_config;
mod inspect;
mod list;
mod logs;
mod mounts;
mod ports;
mod prune;
mod remove;
mod resources;
mod start;
mod state;
mod stats;
mod stop;
mod terminal;
mod top;
mod update;
mod usage;
mod wait;

pub use archive::{PathStat, PutArchive};
pub use attach::AttachContainer;
pub use changes::{Change, ChangeKind};
pub use config::{ContainerConfig, HealthConfig};
pub use create::{ContainerCreated, CreateContainer};
pub use endpoints::{EndpointIpamConfig, EndpointSettings, NetworkingConfig};
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
pub use ports::{PortBinding, PortMap, PortProtocol, PortSummary};
pub use prune::{ContainersPruned, PruneContainers};
pub use remove::RemoveContainer;
pub use resources::{
    CgroupnsMode, DeviceMapping, DeviceRequest, Isolation, LogConfig, RestartMode, RestartPolicy,
    ThrottleDevice, Ulimit, WeightDevice,
};
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
pub use wait::{ContainerWait, ContainerWaitError, WaitCondition};
