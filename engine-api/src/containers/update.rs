//! Changing the limits of a container.

use serde::{Deserialize, Serialize};

use super::{Containers, DeviceMapping, DeviceRequest, RestartPolicy, ThrottleDevice, WeightDevice};
use crate::Version;
use crate::common::{StringList, Ulimit};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::requirement::Requirement;

pub(super) static UPDATE: Operation<Json<ContainerUpdated>> =
    Operation::post("ContainerUpdate", "/containers/{id}/update");

impl Containers<'_> {
    /// Changes the limits or the restart policy of a container.
    pub async fn update(&self, id: &str, options: UpdateContainer) -> Result<ContainerUpdated> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .json(&options)
            .requires(options.requires())
            .send()
            .await
    }
}

/// New limits and a new restart policy for a container. Body of `ContainerUpdate`.
///
/// What is empty stays as it is. `None` stays too, whereas `Some` of an empty list clears the list.
/// Engines ignore what is marked "at creation": it can be set only then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateContainer {
    /// When the container is started again.
    pub restart_policy: RestartPolicy,
    /// The memory limit in bytes.
    pub memory: i64,
    /// The soft memory limit in bytes.
    pub memory_reservation: i64,
    /// The limit of memory and swap together in bytes; -1 is none.
    pub memory_swap: i64,
    /// How readily memory is swapped, from 0 to 100; at creation.
    pub memory_swappiness: Option<i64>,
    /// The limit of kernel memory in bytes. Until API 1.41.
    pub kernel_memory: i64,
    /// The limit of the kernel's TCP buffers in bytes. Until API 1.51; at creation.
    #[serde(rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: i64,
    /// Whether the kernel never kills the container for want of memory; at creation.
    pub oom_kill_disable: Option<bool>,
    /// How many processes there may be; `Some(0)` and `Some(-1)` are no limit.
    pub pids_limit: Option<i64>,
    /// Timeouts of the process; at creation.
    pub ulimits: Vec<Ulimit>,
    /// How many processors the container may use, in billionths.
    pub nano_cpus: i64,
    /// The weight against other containers.
    pub cpu_shares: i64,
    /// The length of a scheduling period in microseconds.
    pub cpu_period: i64,
    /// The processor time in a period in microseconds; -1 is without limit.
    pub cpu_quota: i64,
    /// The length of a real-time period in microseconds.
    pub cpu_realtime_period: i64,
    /// The real-time in a period in microseconds.
    pub cpu_realtime_runtime: i64,
    /// The processors that may be used: `0-2,7`.
    pub cpuset_cpus: String,
    /// The memory nodes that may be used: `0-1`.
    pub cpuset_mems: String,
    /// How many processors the container may use (Windows); at creation.
    pub cpu_count: i64,
    /// How many percent of the processors the container may use (Windows); at creation.
    pub cpu_percent: i64,
    /// The control group that the container's is made under; at creation.
    pub cgroup_parent: String,
    /// The weight of traffic with block devices, from 10 to 1000.
    pub blkio_weight: u16,
    /// The same for single devices. Since API 1.55.
    pub blkio_weight_device: Option<Vec<WeightDevice>>,
    /// Timeouts of reading, in bytes a second. Since API 1.55.
    pub blkio_device_read_bps: Option<Vec<ThrottleDevice>>,
    /// Timeouts of writing, in bytes a second. Since API 1.55.
    pub blkio_device_write_bps: Option<Vec<ThrottleDevice>>,
    /// Timeouts of reading, in operations a second. Since API 1.55.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Option<Vec<ThrottleDevice>>,
    /// Timeouts of writing, in operations a second. Since API 1.55.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Option<Vec<ThrottleDevice>>,
    /// Devices of the host that the container gets; at creation.
    pub devices: Vec<DeviceMapping>,
    /// Rules for devices that appear later; at creation.
    pub device_cgroup_rules: StringList,
    /// Wishes for devices that a driver fulfils; at creation.
    pub device_requests: Vec<DeviceRequest>,
    /// Whether a small init process forwards signals and reaps children; at creation.
    pub init: Option<bool>,
    /// The limit of operations a second on the system drive (Windows); at creation.
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// The limit of bytes a second on the system drive (Windows); at creation.
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,
}

/// What came of an update. Definition `ContainerUpdateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerUpdated {
    /// What the engine has to remark.
    pub warnings: Vec<String>,
}

impl UpdateContainer {
    fn requires(&self) -> impl Iterator<Item = Requirement> {
        let devices = self.blkio_weight_device.is_some()
            || self.blkio_device_read_bps.is_some()
            || self.blkio_device_write_bps.is_some()
            || self.blkio_device_read_iops.is_some()
            || self.blkio_device_write_iops.is_some();
        let (kernel_memory, tcp) = (self.kernel_memory != 0, self.kernel_memory_tcp != 0);
        [
            Requirement::since(
                devices,
                "blkio limits of devices in UpdateContainer",
                Version::new(1, 55),
            ),
            Requirement::until(
                kernel_memory,
                "UpdateContainer::kernel_memory",
                Version::new(1, 41),
            ),
            Requirement::until(tcp, "UpdateContainer::kernel_memory_tcp", Version::new(1, 51)),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn none_keeps_and_an_empty_list_clears() {
        let update = UpdateContainer {
            pids_limit: Some(0),
            blkio_device_read_bps: Some(vec![]),
            memory_swap: -1,
            ..Default::default()
        };
        assert_eq!(
            encode(&update).unwrap(),
            br#"{"MemorySwap":-1,"PidsLimit":0,"BlkioDeviceReadBps":[]}"#
        );
    }
}
