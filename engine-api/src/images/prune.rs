//! Remove all unused images.

use serde::{Deserialize, Serialize};

use super::Images;
use super::remove::ImageRemoved;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static PRUNE: Operation<Json<ImagesPruned>> =
    Operation::post("ImagePrune", "/images/prune").slow();

impl Images<'_> {
    /// Removes the images that no container uses and that match the filters.
    pub async fn prune(&self, options: PruneImages) -> Result<ImagesPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }
}

/// Which unused images to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneImages {
    /// `Some(false)` removes every image without a container; otherwise, only unnamed images
    /// without a container are removed.
    pub dangling: Option<bool>,
    /// Only those created before: seconds since 1970, a date, or an age such as `1h30m`; empty is
    /// all.
    pub until: String,
    /// Only those with all these labels: `key`, or `key=value`.
    pub label: StringList,
    /// Only those without these labels: `key`, or `key=value`.
    pub label_not: StringList,
}

impl PruneImages {
    fn query(&self) -> Query {
        let filters = Filters::new()
            .with("dangling", self.dangling.map(|dangling| dangling.to_string()))
            .text("until", &self.until)
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// The images that a prune removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImagesPruned {
    /// The removed names and images.
    pub images_deleted: Vec<ImageRemoved>,
    /// The number of bytes freed.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prune_of_all_unused_sends_dangling_false() {
        let prune = PruneImages {
            dangling: Some(false),
            label_not: ["keep"].into(),
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22dangling%22%3A%5B%22false%22%5D%2C%22label%21%22%3A%5B%22keep%22%5D%7D"
        );
    }
}
