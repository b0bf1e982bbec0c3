//! Updating the limits and the restart policy of a container.

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
    /// Updates the limits or the restart policy of a container.
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
/// Empty fields and `None` change nothing; `Some` of an empty list clears the list. Fields marked
/// "at creation" can be set only at the creation of a container; engines ignore them here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateContainer {
    /// When the container is restarted.
    pub restart_policy: RestartPolicy,
    /// Memory limit in bytes.
    pub memory: i64,
    /// Soft memory limit in bytes.
    pub memory_reservation: i64,
    /// Limit of memory and swap together in bytes; -1 is unlimited.
    pub memory_swap: i64,
    /// Swappiness of the memory, from 0 to 100; at creation.
    pub memory_swappiness: Option<i64>,
    /// Limit of kernel memory in bytes. Until API 1.41.
    pub kernel_memory: i64,
    /// Limit of the kernel's TCP buffers in bytes. Until API 1.51; at creation.
    #[serde(rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: i64,
    /// Whether the OOM killer is disabled for the container; at creation.
    pub oom_kill_disable: Option<bool>,
    /// Limit of processes and threads; `Some(0)` and `Some(-1)` are unlimited.
    pub pids_limit: Option<i64>,
    /// Resource limits of the process (ulimits); at creation.
    pub ulimits: Vec<Ulimit>,
    /// CPU limit in billionths of a CPU.
    pub nano_cpus: i64,
    /// CPU weight relative to other containers.
    pub cpu_shares: i64,
    /// Length of a scheduling period in microseconds.
    pub cpu_period: i64,
    /// CPU time in a period in microseconds; -1 is unlimited.
    pub cpu_quota: i64,
    /// Length of a real-time period in microseconds.
    pub cpu_realtime_period: i64,
    /// Real-time CPU time in a period in microseconds.
    pub cpu_realtime_runtime: i64,
    /// CPUs that may be used: `0-2,7`.
    pub cpuset_cpus: String,
    /// Memory nodes that may be used: `0-1`.
    pub cpuset_mems: String,
    /// Number of CPUs that may be used (Windows); at creation.
    pub cpu_count: i64,
    /// Percentage of the CPUs that may be used (Windows); at creation.
    pub cpu_percent: i64,
    /// Parent control group; at creation.
    pub cgroup_parent: String,
    /// Block I/O weight, from 10 to 1000.
    pub blkio_weight: u16,
    /// Block I/O weight of single devices. Since API 1.55.
    pub blkio_weight_device: Option<Vec<WeightDevice>>,
    /// Read limits of devices, in bytes per second. Since API 1.55.
    pub blkio_device_read_bps: Option<Vec<ThrottleDevice>>,
    /// Write limits of devices, in bytes per second. Since API 1.55.
    pub blkio_device_write_bps: Option<Vec<ThrottleDevice>>,
    /// Read limits of devices, in operations per second. Since API 1.55.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Option<Vec<ThrottleDevice>>,
    /// Write limits of devices, in operations per second. Since API 1.55.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Option<Vec<ThrottleDevice>>,
    /// Devices of the host that are added to the container; at creation.
    pub devices: Vec<DeviceMapping>,
    /// Control group rules for devices; at creation.
    pub device_cgroup_rules: StringList,
    /// Requests for devices of a driver, such as GPUs; at creation.
    pub device_requests: Vec<DeviceRequest>,
    /// Whether an init process forwards signals and reaps children; at creation.
    pub init: Option<bool>,
    /// I/O limit of the system drive in operations per second (Windows); at creation.
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// I/O limit of the system drive in bytes per second (Windows); at creation.
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,
}

/// The result of an update. Definition `ContainerUpdateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerUpdated {
    /// Warnings of the engine.
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
                "block I/O limits of devices in UpdateContainer",
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
    fn update_keeps_none_and_sends_an_empty_list() {
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
