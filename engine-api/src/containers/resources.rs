//! Devices, logging and restart policy: the parts of a [`HostConfig`](super::HostConfig).

use serde::{Deserialize, Serialize};

use crate::common::{DriverOptions, StringList};
use crate::wire::json::open_enum;

/// When a container is restarted after its process has ended. Definition `RestartPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// When to restart the container; unset means never, and in an update "unchanged".
    #[serde(rename = "Name")]
    pub mode: RestartMode,
    /// Number of retries with [`RestartMode::OnFailure`]; 0 is unlimited.
    pub maximum_retry_count: i64,
}

/// When an exited container is restarted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RestartMode {
    /// Never.
    No,
    /// Always, also after a restart of the engine.
    Always,
    /// Always, unless it was stopped by a call.
    UnlessStopped,
    /// Only when the exit code is not 0.
    OnFailure,
    /// A mode that this crate does not know.
    Other(String),
}

open_enum!(RestartMode {
    No = "no",
    Always = "always",
    UnlessStopped = "unless-stopped",
    OnFailure = "on-failure",
});

/// The logging driver of a container and its options. Part of definition `HostConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConfig {
    /// Logging driver: `json-file`, `local`, `journald`, `none` …; empty is the engine's default.
    #[serde(rename = "Type")]
    pub driver: String,
    /// Options of the driver.
    pub config: DriverOptions,
}

/// A device of the host that is added to the container. Definition `DeviceMapping`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// Path of the device on the host.
    pub path_on_host: String,
    /// Path of the device inside the container.
    pub path_in_container: String,
    /// Permissions: any of `r` (read), `w` (write) and `m` (create device nodes).
    pub cgroup_permissions: String,
}

/// A request for devices of a driver, such as GPUs. Definition `DeviceRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceRequest {
    /// Driver; empty selects one by the capabilities.
    pub driver: String,
    /// Number of devices; -1 is all.
    pub count: i64,
    /// IDs of the devices, in the format of the driver.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: StringList,
    /// Required capabilities: all words of at least one of these lists.
    pub capabilities: Vec<Vec<String>>,
    /// Options of the driver.
    pub options: DriverOptions,
}

/// An I/O limit of a block device. Definition `ThrottleDevice`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ThrottleDevice {
    /// Path of the device on the host.
    pub path: String,
    /// Bytes or operations per second.
    pub rate: u64,
}

/// The I/O weight of a block device. Part of definition `Resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WeightDevice {
    /// Path of the device on the host.
    pub path: String,
    /// Weight, from 10 to 1000.
    pub weight: u16,
}

/// Control group namespace of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupnsMode {
    /// A namespace of the container itself.
    Private,
    /// The host's.
    Host,
    /// A mode that this crate does not know.
    Other(String),
}

open_enum!(CgroupnsMode {
    Private = "private",
    Host = "host",
});
