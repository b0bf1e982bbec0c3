//! Remove an image.

use serde::{Deserialize, Serialize};

use super::Images;
use super::platform;
use crate::common::OciPlatform;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static REMOVE: Operation<Json<Vec<ImageRemoved>>> =
    Operation::delete("ImageDelete", "/images/{name}").slashes();

impl Images<'_> {
    /// Removes an image, or one of its names if it has several.
    ///
    /// # Errors
    ///
    /// 409 when a container uses it.
    pub async fn remove(&self, image: &str, options: RemoveImage) -> Result<Vec<ImageRemoved>> {
        let platforms = !options.platforms.is_empty();
        let call = self.docker.call(&REMOVE).at(image).query(options.query());
        call.needs(platforms, "RemoveImage::platforms", Version::new(1, 50))
            .send()
            .await
    }
}

/// How to remove an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemoveImage {
    /// Remove the image even if stopped containers use it or it has other names.
    pub force: bool,
    /// Keep the unnamed parent images.
    pub noprune: bool,
    /// Remove only the content of these platforms; empty for all. Since API 1.50.
    pub platforms: Vec<OciPlatform>,
}

impl RemoveImage {
    fn query(&self) -> Query {
        Query::new()
            .flag("force", self.force)
            .flag("noprune", self.noprune)
            .each("platforms", platform::all_as_json(&self.platforms))
    }
}

/// A removed name or image. Definition `ImageDeleteResponseItem`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageRemoved {
    /// The removed name; empty if an image was removed.
    pub untagged: String,
    /// The ID of the removed image; empty if a name was removed.
    pub deleted: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remove_repeats_the_key_for_each_platform() {
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
}
