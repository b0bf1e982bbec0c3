//! Removing a volume, or all that are not used.

use serde::{Deserialize, Serialize};

use crate::wire::query::{Filters, Query};

/// How to remove a volume. Query of `VolumeDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveVolume {
    /// Whether it is no error when it is not there, or its driver fails; Docker keeps one in use all
    /// the same.
    pub force: bool,
}

impl RemoveVolume {
    pub(crate) fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

/// Which of the unused volumes to remove. Query of `VolumePrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneVolumes {
    /// Whether to remove named ones, not just anonymous ones. Since API 1.42; engines before, and
    /// Podman, always do, and Podman refuses to be asked.
    pub all: bool,
    /// Only those with all of these labels: `key`, or `key=value`.
    pub label: Vec<String>,
    /// Only those without these labels: `key`, or `key=value`.
    pub label_not: Vec<String>,
}

impl PruneVolumes {
    pub(crate) fn query(&self) -> Query {
        let filters = Filters::new()
            .with("all", self.all.then_some("true"))
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// What was removed. Reply of `VolumePrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct VolumesPruned {
    /// The names of the volumes.
    pub volumes_deleted: Vec<String>,
    /// How many bytes became free.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_volumes_go_only_when_asked_for() {
        assert_eq!(PruneVolumes::default().query(), Query::new());
        let prune = PruneVolumes {
            all: true,
            label_not: vec!["keep".into()],
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22all%22%3A%5B%22true%22%5D%2C%22label%21%22%3A%5B%22keep%22%5D%7D"
        );
        assert_eq!(RemoveVolume { force: true }.query().as_str(), "force=true");
    }
}
