//! Timeouts, devices and policies: the parts of a [`HostConfig`](super::HostConfig).

use serde::{Deserialize, Serialize};

use crate::common::{DriverOptions, StringList};
use crate::wire::json::open_enum;

/// What the engine does when a container's process ends. Definition `RestartPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// When to start the container again; unset is never, and in an update "as before".
    #[serde(rename = "Name")]
    pub mode: RestartMode,
    /// How often to try, with [`RestartMode::OnFailure`]; 0 is without end.
    pub maximum_retry_count: i64,
}

/// When a container that ended is started again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RestartMode {
    /// Never.
    No,
    /// Always, also after a restart of the engine.
    Always,
    /// Always, unless it was stopped by hand.
    UnlessStopped,
    /// When the exit code is not zero.
    OnFailure,
    /// A mode this crate does not know.
    Other(String),
}

open_enum!(RestartMode {
    No = "no",
    Always = "always",
    UnlessStopped = "unless-stopped",
    OnFailure = "on-failure",
});

/// Where a container's output is logged. Part of definition `HostConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConfig {
    /// The logging driver: `json-file`, `local`, `journald`, `none` …; empty is the engine's default.
    #[serde(rename = "Type")]
    pub driver: String,
    /// Options of the driver.
    pub config: DriverOptions,
}

/// A device of the host that the container gets. Definition `DeviceMapping`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// The device on the host.
    pub path_on_host: String,
    /// The device inside the container.
    pub path_in_container: String,
    /// What the container may do: any of `r`, `w`, and `m` for making nodes.
    pub cgroup_permissions: String,
}

/// A wish for devices, such as graphics processors, that a driver fulfils. Definition `DeviceRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceRequest {
    /// The driver; empty chooses by the capabilities.
    pub driver: String,
    /// How many devices; -1 is all.
    pub count: i64,
    /// Which devices, as the driver names them.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: StringList,
    /// What the devices must be able to do: any one of these lists, all of its words.
    pub capabilities: Vec<Vec<String>>,
    /// Options that are handed to the driver.
    pub options: DriverOptions,
}

/// A limit on the traffic with a block device. Definition `ThrottleDevice`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ThrottleDevice {
    /// The device's path on the host.
    pub path: String,
    /// Bytes or operations in a second.
    pub rate: u64,
}

/// A share of the traffic with a block device. Part of definition `Resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WeightDevice {
    /// The device's path on the host.
    pub path: String,
    /// The weight, from 10 to 1000.
    pub weight: u16,
}

/// Which control groups a container sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CgroupnsMode {
    /// Only its own.
    Private,
    /// Those of the host.
    Host,
    /// A mode this crate does not know.
    Other(String),
}

open_enum!(CgroupnsMode {
    Private = "private",
    Host = "host",
});
