//! Push an image to a registry.

use super::Images;
use super::platform;
use super::progress::Progress;
use super::pull::parse;
use super::reference::ImageReference;
use crate::auth::RegistryAuth;
use crate::common::OciPlatform;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

pub(super) static PUSH: Operation<Lines<Progress>> = Operation::post("ImagePush", "/images/{name}/push")
    .slow()
    .slashes();

impl Images<'_> {
    /// Pushes an image to the registry in its name: the tag in the name, or `latest`.
    pub async fn push(
        &self,
        image: &str,
        options: PushImage,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        let (reference, wrong) = parse(image);
        let name = reference
            .as_ref()
            .map_or_else(|| image.to_owned(), ImageReference::familiar_name);
        let query = reference
            .map(|reference| options.query(&reference))
            .unwrap_or_default();
        // Engines before 28 reject a push without the header, even if the registry needs no
        // credentials.
        let anonymous = RegistryAuth::default();
        let call = self.docker.call(&PUSH).at(&name).query(query).reject_if(wrong);
        let call = call.needs(
            options.platform.is_some(),
            "PushImage::platform",
            Version::new(1, 46),
        );
        call.auth(Some(auth.unwrap_or(&anonymous))).send().await
    }
}

/// How to push an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushImage {
    /// The platform to push; `None` for all that the engine has. Since API 1.46.
    pub platform: Option<OciPlatform>,
    /// Push every tag of the repository, not only the named one.
    pub all_tags: bool,
}

impl PushImage {
    /// The name is in the path without its tag. Without a tag in the query, every tag is pushed.
    fn query(&self, image: &ImageReference) -> Query {
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
    fn push_sends_the_tag_unless_all_are_pushed() {
        let image: ImageReference = "reg:5000/a".parse().unwrap();
        assert_eq!(PushImage::default().query(&image).as_str(), "tag=latest");
        let all = PushImage {
            all_tags: true,
            ..Default::default()
        };
        assert_eq!(all.query(&image).as_str(), "");
    }
}
