//! List images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Images;
use super::manifest::ImageManifest;
use crate::common::{OciDescriptor, StringList};
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<ImageSummary>>> = Operation::get("ImageList", "/images/json");

impl Images<'_> {
    /// Lists images.
    pub async fn list(&self, options: ListImages) -> Result<Vec<ImageSummary>> {
        let call = self.docker.call(&LIST).query(options.query());
        let call = call.reject_if(options.check());
        call.needs(
            options.shared_size,
            "ListImages::shared_size",
            Version::new(1, 42),
        )
        .needs(options.manifests, "ListImages::manifests", Version::new(1, 47))
        .needs(options.identity, "ListImages::identity", Version::new(1, 54))
        .send()
        .await
    }
}

/// Which images to list, and which details to include.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListImages {
    /// Include intermediate layers, not only the last layer of each image.
    pub all: bool,
    /// Filters of the list; empty for all images.
    pub filters: ImageFilters,
    /// Compute [`ImageSummary::shared_size`], which takes time. Since API 1.42.
    pub shared_size: bool,
    /// Include the digests, [`ImageSummary::repo_digests`]. Newer engines always do; Podman 5 then
    /// returns an empty list.
    pub digests: bool,
    /// Include the manifests, [`ImageSummary::manifests`]. Since API 1.47.
    pub manifests: bool,
    /// Include the identity of each manifest; needs `manifests`. Since API 1.54.
    pub identity: bool,
}

impl ListImages {
    fn query(&self) -> Query {
        Query::new()
            .flag("all", self.all)
            .filters(&self.filters.filters())
            .flag("shared-size", self.shared_size)
            .flag("digests", self.digests)
            .flag("manifests", self.manifests)
            .flag("identity", self.identity)
    }

    fn check(&self) -> Option<String> {
        let alone = self.identity && !self.manifests;
        alone.then(|| "`identity` is part of the manifests; also set `manifests`".to_owned())
    }
}

/// Filters of a list of images. An image must match every filter, have every label, and match one
/// of the references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilters {
    /// Created before this image: a name, an ID, or `name@digest`.
    pub before: String,
    /// Whether the image has no name: `Some(true)` for unnamed images, `Some(false)` for named
    /// images.
    pub dangling: Option<bool>,
    /// With these labels: `key` or `key=value`.
    pub label: StringList,
    /// Without these labels: `key` or `key=value`. Only on engines with the containerd store.
    pub label_not: StringList,
    /// With these names or patterns: `alpine`, `alpine:3.*`, `registry.example.com/*/*`.
    pub reference: StringList,
    /// Created after this image: a name, an ID, or `name@digest`.
    pub since: String,
    /// Created before: seconds since 1970, a date, or an age such as `1h30m`. Since API 1.42.
    pub until: String,
}

impl ImageFilters {
    fn filters(&self) -> Filters {
        let one = |text| Some(text).filter(|text: &&String| !text.is_empty());
        Filters::new()
            .with("before", one(&self.before))
            .with("dangling", self.dangling.map(|dangling| dangling.to_string()))
            .labels(&self.label, &self.label_not)
            .with("reference", &self.reference)
            .with("since", one(&self.since))
            .with("until", one(&self.until))
    }
}

/// One image of the list. Definition `ImageSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageSummary {
    /// The ID: the digest of the image's configuration, `sha256:…`.
    #[serde(alias = "ID")]
    pub id: String,
    /// The ID of the parent image, if this image was built on this engine.
    pub parent_id: String,
    /// The names, `alpine:3.20`. Without a name: `<none>:<none>` until API 1.42, no entry since.
    pub repo_tags: Vec<String>,
    /// The names with the digests of manifests, `alpine@sha256:…`.
    pub repo_digests: Vec<String>,
    /// Time of creation, in seconds since 1970.
    pub created: i64,
    /// Size of all layers in bytes, including shared layers.
    pub size: i64,
    /// Size of the layers that it shares with other images, in bytes; -1 if not computed.
    pub shared_size: i64,
    /// The same as `size`. Until API 1.43.
    pub virtual_size: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Number of containers that use it, including stopped ones; -1 if not computed, as in lists
    /// before API 1.51.
    pub containers: i64,
    /// The manifests of the image, if they were requested and the engine's store supports several
    /// manifests. Since API 1.47.
    pub manifests: Vec<ImageManifest>,
    /// The target of the name: a manifest, or an index of several platforms. Since API 1.48, only
    /// with the containerd store.
    pub descriptor: Option<OciDescriptor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn list_sends_only_set_parameters() {
        assert_eq!(ListImages::default().query(), Query::new());
        let list = ListImages {
            all: true,
            shared_size: true,
            filters: ImageFilters {
                dangling: Some(false),
                label: ["a=b"].into(),
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(
            list.query().as_str(),
            "all=true&filters=%7B%22dangling%22%3A%5B%22false%22%5D%2C%22label%22%3A%5B%22a%3Db%22%5D%7D&shared-size=true"
        );
    }

    #[test]
    fn null_lists_are_empty() {
        let image = br#"{"Id":"sha256:1","RepoTags":null,"RepoDigests":null,"Labels":null,"SharedSize":-1}"#;
        let image: ImageSummary = decode(image).unwrap();
        assert!(image.repo_tags.is_empty() && image.labels.is_empty());
        assert_eq!((image.shared_size, image.virtual_size), (-1, None));
    }
}
