//! Removing all stopped containers.

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static PRUNE: Operation<Json<ContainersPruned>> =
    Operation::post("ContainerPrune", "/containers/prune").slow();

impl Containers<'_> {
    /// Removes all stopped containers that match the filters.
    pub async fn prune(&self, options: PruneContainers) -> Result<ContainersPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }
}

/// Which stopped containers to remove. Query of `ContainerPrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneContainers {
    /// Only containers created before: seconds since 1970, a date, or an age such as `1h30m`; empty
    /// is all.
    pub until: String,
    /// Only containers with all of these labels: `key`, or `key=value`.
    pub label: StringList,
    /// Only containers without any of these labels: `key`, or `key=value`.
    pub label_not: StringList,
}

impl PruneContainers {
    pub(crate) fn query(&self) -> Query {
        let filters = Filters::new()
            .text("until", &self.until)
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// The removed containers. Reply of `ContainerPrune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainersPruned {
    /// IDs of the removed containers.
    pub containers_deleted: Vec<String>,
    /// Number of bytes that were freed.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prune_filters_by_age_and_labels() {
        let prune = PruneContainers {
            until: "10m".into(),
            label: ["a"].into(),
            label_not: ["b=1"].into(),
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22until%22%3A%5B%2210m%22%5D%2C%22label%22%3A%5B%22a%22%5D%2C%22label%21%22%3A%5B%22b%3D1%22%5D%7D"
        );
        assert_eq!(PruneContainers::default().query().as_str(), "");
    }
}
