//! Remove all unused volumes.

use serde::{Deserialize, Serialize};

use super::Volumes;
use super::create::CLUSTER;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static PRUNE: Operation<Json<VolumesPruned>> =
    Operation::post("VolumePrune", "/volumes/prune").slow();

impl Volumes<'_> {
    /// Removes the volumes that no container uses and that match the filters.
    ///
    /// Docker before API 1.42 and Podman also remove named volumes; newer engines do so only with
    /// [`PruneVolumes::all`].
    pub async fn prune(&self, options: PruneVolumes) -> Result<VolumesPruned> {
        self.docker
            .call(&PRUNE)
            .query(options.query())
            .needs(options.all, "PruneVolumes::all", CLUSTER)
            .send()
            .await
    }
}

/// Which of the unused volumes to remove. Query of `VolumePrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneVolumes {
    /// Whether to remove named volumes, too. Since API 1.42; older engines and Podman always remove
    /// them, and Podman rejects the filter.
    pub all: bool,
    /// Only those with all these labels: `key`, or `key=value`.
    pub label: StringList,
    /// Only those without these labels: `key`, or `key=value`.
    pub label_not: StringList,
}

impl PruneVolumes {
    fn query(&self) -> Query {
        let filters = Filters::new()
            .with("all", self.all.then_some("true"))
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// The removed volumes. Reply of `VolumePrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct VolumesPruned {
    /// The names of the volumes.
    pub volumes_deleted: Vec<String>,
    /// The number of bytes freed.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prune_sends_all_only_when_it_is_set() {
        assert_eq!(PruneVolumes::default().query(), Query::new());
        let prune = PruneVolumes {
            all: true,
            label_not: ["keep"].into(),
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22all%22%3A%5B%22true%22%5D%2C%22label%21%22%3A%5B%22keep%22%5D%7D"
        );
    }
}
