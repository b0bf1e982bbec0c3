//! Change a volume of a cluster.

use serde::{Deserialize, Serialize};

use super::Volumes;
use super::cluster::ClusterVolumeSpec;
use super::create::CLUSTER;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static UPDATE: Operation<Empty> = Operation::put("VolumeUpdate", "/volumes/{name}").since(CLUSTER);

impl Volumes<'_> {
    /// Changes the availability of a volume of a cluster; other volumes cannot be changed. `id` is
    /// [`ClusterVolume::id`](super::ClusterVolume::id): engines do not find it by its name here.
    ///
    /// # Errors
    ///
    /// 404 when no volume of the cluster has this id; 503 when the engine is not a manager of a
    /// swarm ([`crate::Error::is_unavailable`]).
    pub async fn update(&self, id: &str, options: UpdateVolume) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(options.query())
            .json(&options)
            .send()
            .await
    }
}

/// A change to a volume of a cluster. Query and body of `VolumeUpdate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateVolume {
    /// The version with which the specification was read: [`super::ClusterVolume::version`].
    #[serde(skip)]
    pub version: ObjectVersion,
    /// The whole specification; only `availability` may change.
    pub spec: ClusterVolumeSpec,
}

impl UpdateVolume {
    fn query(&self) -> Query {
        Query::new().set("version", self.version.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volumes::VolumeAvailability;
    use crate::wire::json::encode;

    #[test]
    fn update_sends_the_version() {
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
