//! Removing images: one by name, or all that nobody uses.

use serde::{Deserialize, Serialize};

use super::platform;
use crate::common::OciPlatform;
use crate::wire::query::{Filters, Query};

/// How to remove an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoveImage {
    /// Remove it even if stopped containers use it or it has other names.
    pub force: bool,
    /// Keep the unnamed images that it was built on.
    pub noprune: bool,
    /// Remove only what these platforms need; empty for all. Since API 1.50.
    pub platforms: Vec<OciPlatform>,
}

impl RemoveImage {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .flag("force", self.force)
            .flag("noprune", self.noprune)
            .each("platforms", platform::all_as_json(&self.platforms))
    }
}

/// One thing that went: a name or an image. Definition `ImageDeleteResponseItem`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageRemoved {
    /// The name that was taken away; empty if this is about an image.
    pub untagged: String,
    /// The id of the image that was deleted; empty if this is about a name.
    pub deleted: String,
}

/// Which unused images to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneImages {
    /// `Some(false)` for every image without a container; otherwise only those without a name too.
    pub dangling: Option<bool>,
    /// Only those made before: seconds since 1970, a date, or an age such as `1h30m`; empty is all.
    pub until: String,
    /// Only those with all of these labels: `key`, or `key=value`.
    pub label: Vec<String>,
    /// Only those without these labels: `key`, or `key=value`.
    pub label_not: Vec<String>,
}

impl PruneImages {
    pub(crate) fn query(&self) -> Query {
        let filters = Filters::new()
            .with("dangling", self.dangling.map(|dangling| dangling.to_string()))
            .text("until", &self.until)
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// What a prune removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImagesPruned {
    /// The names and images that went.
    pub images_deleted: Vec<ImageRemoved>,
    /// The bytes that became free.
    pub space_reclaimed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_repeat_their_key() {
        let arch = |architecture: &str| OciPlatform {
            os: "linux".into(),
            architecture: architecture.into(),
            ..Default::default()
        };
        let remove = RemoveImage {
            force: true,
            platforms: vec![arch("arm64"), arch("amd64")],
            ..Default::default()
        };
        let query = remove.query();
        assert_eq!(query.as_str().matches("platforms=%7B").count(), 2);
        assert!(query.as_str().starts_with("force=true&platforms="));
    }

    #[test]
    fn a_prune_of_everything_unused_says_dangling_false() {
        let prune = PruneImages {
            dangling: Some(false),
            label_not: vec!["keep".into()],
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22dangling%22%3A%5B%22false%22%5D%2C%22label%21%22%3A%5B%22keep%22%5D%7D"
        );
    }
}
