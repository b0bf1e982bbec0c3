//! Sending an image to a registry.

use super::{ImageReference, platform};
use crate::common::OciPlatform;
use crate::wire::query::Query;

/// How to push an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushImage {
    /// The platform to push; `None` for all that are there. Since API 1.46.
    pub platform: Option<OciPlatform>,
    /// Push every tag of the repository, not just the one that the reference names.
    pub all_tags: bool,
}

impl PushImage {
    /// The name goes into the path without its tag; no tag here pushes every tag (wire fact 17).
    pub(crate) fn query(&self, image: &ImageReference) -> Query {
        let tag = if self.all_tags {
            ""
        } else {
            image.tag().unwrap_or("latest")
        };
        Query::new()
            .text("tag", tag)
            .maybe("platform", self.platform.as_ref().map(platform::as_json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_says_which_tag_unless_all_are_meant() {
        let image: ImageReference = "reg:5000/a".parse().unwrap();
        assert_eq!(PushImage::default().query(&image).as_str(), "tag=latest");
        let all = PushImage {
            all_tags: true,
            ..Default::default()
        };
        assert_eq!(all.query(&image).as_str(), "");
    }
}
