//! Create a volume.

use serde::{Deserialize, Serialize};

use super::Volumes;
use super::cluster::ClusterVolumeSpec;
use super::inspect::Volume;
use crate::Version;
use crate::common::{DriverOptions, StringMap};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static CREATE: Operation<Json<Volume>> =
    Operation::post("VolumeCreate", "/volumes/create").success(&[201]);

impl Volumes<'_> {
    /// Creates a volume, or returns the existing volume with this name and driver.
    ///
    /// # Errors
    ///
    /// 404 when the driver does not exist; the status of Podman is 500.
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
}

/// The first version with volumes of a cluster, and with the filter `all` of a prune.
pub(super) const CLUSTER: Version = Version::new(1, 42);

/// A volume to create. Definition `VolumeCreateRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateVolume {
    /// The name; empty lets the engine choose one, which makes the volume anonymous.
    pub name: String,
    /// The driver that stores it; empty is `local`.
    pub driver: String,
    /// Options for the driver, such as `type`, `o` and `device` of `local`.
    pub driver_opts: DriverOptions,
    /// Labels.
    pub labels: StringMap,
    /// Creates a cluster volume, which a storage plugin (CSI) manages. Since API 1.42.
    pub cluster_volume_spec: Option<ClusterVolumeSpec>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn driver_options_are_sent_and_hidden_in_debug() {
        let volume = CreateVolume {
            driver_opts: [("o", "password=hunter2")].into(),
            ..Default::default()
        };
        let shown = format!("{volume:?} {volume:#?}");
        assert!(shown.contains("\"o\"") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(
            encode(&volume).unwrap(),
            br#"{"DriverOpts":{"o":"password=hunter2"}}"#
        );
        assert_eq!(encode(&CreateVolume::default()).unwrap(), b"{}");
    }
}
