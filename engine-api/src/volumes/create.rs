//! Making a volume, and changing one of a cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ClusterVolumeSpec;
use crate::common::DriverOptions;
use crate::swarm::ObjectVersion;
use crate::wire::query::Query;

/// A volume to make. Definition `VolumeCreateRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateVolume {
    /// The name; empty lets the engine choose one, which makes the volume anonymous.
    pub name: String,
    /// The driver that keeps it; empty is `local`.
    pub driver: String,
    /// Options for the driver, such as `type`, `o` and `device` of `local`.
    pub driver_opts: DriverOptions,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Makes a volume of the cluster, kept by a storage plugin (CSI). Since API 1.42.
    pub cluster_volume_spec: Option<ClusterVolumeSpec>,
}

/// A change to a volume of a cluster. Query and body of `VolumeUpdate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateVolume {
    /// The state that the change was made from, as [`super::ClusterVolume::version`] says it.
    #[serde(skip)]
    pub version: ObjectVersion,
    /// All that is asked for; only `availability` may differ from what was there.
    pub spec: ClusterVolumeSpec,
}

impl UpdateVolume {
    pub(crate) fn query(&self) -> Query {
        Query::new().set("version", self.version.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volumes::VolumeAvailability;
    use crate::wire::json::encode;

    #[test]
    fn options_of_a_driver_are_sent_and_not_shown() {
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

    #[test]
    fn an_update_says_which_state_it_changes() {
        let update = UpdateVolume {
            version: ObjectVersion { index: 7 },
            spec: ClusterVolumeSpec {
                availability: VolumeAvailability::Drain,
                ..Default::default()
            },
        };
        assert_eq!(update.query().as_str(), "version=7");
        assert_eq!(encode(&update).unwrap(), br#"{"Spec":{"Availability":"drain"}}"#);
    }
}
