//! Remove records of the build cache.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::images::Images;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};
use crate::wire::requirement::Requirement;

pub(in crate::images) static PRUNE: Operation<Json<BuildCachePruned>> =
    Operation::post("BuildPrune", "/build/prune").slow();

impl Images<'_> {
    /// Removes records of the build cache that are not in use.
    pub async fn prune_cache(&self, options: PruneBuildCache) -> Result<BuildCachePruned> {
        self.docker
            .call(&PRUNE)
            .query(options.query())
            .requires(options.requires())
            .send()
            .await
    }
}

/// Which records of the build cache to remove. Query of `BuildPrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneBuildCache {
    /// Remove all unused records, also those that images and other records are based on.
    pub all: bool,
    /// Bytes of cache to keep; `None` keeps nothing.
    pub reserved_space: Option<i64>,
    /// Maximum size of the cache after the call, in bytes. Since API 1.48.
    pub max_used_space: Option<i64>,
    /// Minimum free space on the disk after the call, in bytes. Since API 1.48.
    pub min_free_space: Option<i64>,
    /// Only these records.
    pub filters: BuildCacheFilters,
}

impl PruneBuildCache {
    /// The reserved space is also sent under its name before API 1.48; engines read one of the two.
    fn query(&self) -> Query {
        Query::new()
            .flag("all", self.all)
            .maybe("keep-storage", self.reserved_space)
            .maybe("reserved-space", self.reserved_space)
            .maybe("max-used-space", self.max_used_space)
            .maybe("min-free-space", self.min_free_space)
            .filters(&self.filters.filters())
    }

    fn requires(&self) -> impl Iterator<Item = Requirement> {
        let first = Version::new(1, 48);
        let (used, free) = (self.max_used_space.is_some(), self.min_free_space.is_some());
        [
            Requirement::since(used, "PruneBuildCache::max_used_space", first),
            Requirement::since(free, "PruneBuildCache::min_free_space", first),
        ]
        .into_iter()
        .flatten()
    }
}

/// Filters of records of the build cache. A record must match all fields that are set.
///
/// The engine accepts one value per field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildCacheFilters {
    /// Only those that were last used before: seconds since 1970, a date, or an age such as
    /// `1h30m`; empty is all.
    pub until: String,
    /// Only those whose ID matches this regular expression.
    pub id: String,
    /// Only the child of the record with this ID.
    pub parent: String,
    /// Only those of this type: `regular`, `source.local`, `exec.cachemount` …
    pub kind: String,
    /// Only those with this description of a build step.
    pub description: String,
    /// Only those in use.
    pub in_use: bool,
    /// Only those that are also part of an image.
    pub shared: bool,
    /// Only those that are part of no image.
    pub private: bool,
}

impl BuildCacheFilters {
    fn filters(&self) -> Filters {
        let one = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        Filters::new()
            .with("until", one(&self.until))
            .with("id", one(&self.id))
            .with("parent", one(&self.parent))
            .with("type", one(&self.kind))
            .with("description", one(&self.description))
            .bare("inuse", self.in_use)
            .bare("shared", self.shared)
            .bare("private", self.private)
    }
}

/// The removed items. Reply of `BuildPrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct BuildCachePruned {
    /// The ids of the records.
    pub caches_deleted: Vec<String>,
    /// The number of bytes freed.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prune_cache_sends_old_names_and_empty_filters() {
        let prune = PruneBuildCache {
            all: true,
            reserved_space: Some(5),
            filters: BuildCacheFilters {
                kind: "regular".into(),
                in_use: true,
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "all=true&keep-storage=5&reserved-space=5\
             &filters=%7B%22type%22%3A%5B%22regular%22%5D%2C%22inuse%22%3A%5B%5D%7D"
        );
        assert_eq!(PruneBuildCache::default().query().as_str(), "");
    }
}
