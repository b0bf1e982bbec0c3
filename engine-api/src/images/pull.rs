//! Pull an image from its registry.

use super::Images;
use super::progress::Progress;
use super::reference::ImageReference;
use crate::auth::RegistryAuth;
use crate::error::{Error, Result};
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

pub(super) static CREATE: Operation<Lines<Progress>> =
    Operation::post("ImageCreate", "/images/create").slow();

impl Images<'_> {
    /// Pulls an image from its registry: the tag in the name, or `latest`.
    ///
    /// The pull is complete when the stream has ended without an error; dropping the stream cancels
    /// the pull.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::images::PullImage;
    ///
    /// let progress = docker.images().pull("busybox", PullImage::default(), None).await?;
    /// progress.last().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// 404 when the registry has no such image, 401 or 500 when it rejects the credentials; later
    /// failures are errors of the stream ([`crate::ErrorKind::Stream`]).
    pub async fn pull(
        &self,
        image: &str,
        options: PullImage,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        let (reference, wrong) = parse(image);
        let query = reference
            .map(|reference| options.query(&reference))
            .unwrap_or_default();
        let call = self
            .docker
            .call(&CREATE)
            .about(image)
            .query(query)
            .reject_if(wrong);
        call.auth(auth).send().await
    }
}

/// How to pull an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullImage {
    /// The requested platform, `os[/arch[/variant]]`; `None` is the engine's own.
    pub platform: Option<String>,
    /// Pull every tag of the repository, not only the named one.
    pub all_tags: bool,
}

impl PullImage {
    /// The name is sent without its tag or digest, which is another parameter. An empty tag pulls
    /// every tag.
    pub(super) fn query(&self, image: &ImageReference) -> Query {
        let tag = match (self.all_tags, image.digest()) {
            (true, None) => "",
            _ => image.tag_or_digest(),
        };
        Query::new()
            .set("fromImage", image.familiar_name())
            .text("tag", tag)
            .maybe("platform", self.platform.as_ref())
    }
}

/// The reference in a text, or the reason why it is invalid.
pub(super) fn parse(image: &str) -> (Option<ImageReference>, Option<String>) {
    match image.parse() {
        Ok(reference) => (Some(reference), None),
        Err(error) => (None, Some(Error::to_string(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_always_sends_a_tag() {
        let pull = |image: &str| {
            let image: ImageReference = image.parse().unwrap();
            PullImage::default().query(&image).as_str().to_owned()
        };
        assert_eq!(pull("alpine"), "fromImage=alpine&tag=latest");
        assert_eq!(pull("reg:5000/a:1"), "fromImage=reg%3A5000%2Fa&tag=1");
        let digest = format!("sha256:{}", "0".repeat(64));
        let both = pull(&format!("alpine:3.20@{digest}"));
        assert_eq!(
            both,
            format!("fromImage=alpine&tag={}", digest.replace(':', "%3A"))
        );
    }

    #[test]
    fn pull_sends_no_tag_only_for_all_tags() {
        let pull = PullImage {
            all_tags: true,
            platform: Some("linux/arm64".into()),
        };
        let query = pull.query(&"alpine:3.20".parse().unwrap());
        assert_eq!(query.as_str(), "fromImage=alpine&platform=linux%2Farm64");
    }
}
