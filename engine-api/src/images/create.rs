//! Getting an image from a registry, or from a file system in a tar.

use std::fmt;

use super::ImageReference;
use super::remote::Shown;
use crate::wire::query::Query;

/// How to pull an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullImage {
    /// The platform wanted, `os[/arch[/variant]]`; `None` is the engine's own.
    pub platform: Option<String>,
    /// Pull every tag of the repository, not just the one that the reference names.
    pub all_tags: bool,
}

impl PullImage {
    /// The name goes without its tag, which has a parameter of its own, and so has a digest; an empty
    /// one pulls every tag (wire fact 17).
    pub(crate) fn query(&self, image: &ImageReference) -> Query {
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

/// How to make an image of one layer from a tar of a file system.
///
/// `Debug` does not show the user and the password of a URL.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ImportImage {
    /// Where the engine gets the tar, a URL; `None` when it is sent along.
    pub from: Option<String>,
    /// The repository to name the image in; may carry a tag. Empty for no name.
    pub repo: String,
    /// The tag; empty is `latest`.
    pub tag: String,
    /// What [`Image::comment`](super::Image::comment) will say; empty for "Imported from …".
    pub message: String,
    /// Instructions of a Dockerfile to apply: `ENV DEBUG=true`, `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// The platform of what the tar holds, `os[/arch[/variant]]`; `None` is the engine's own.
    pub platform: Option<String>,
}

impl fmt::Debug for ImportImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportImage")
            .field("from", &self.from.as_deref().map(Shown))
            .field("repo", &self.repo)
            .field("tag", &self.tag)
            .field("message", &self.message)
            .field("changes", &self.changes)
            .field("platform", &self.platform)
            .finish()
    }
}

impl ImportImage {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .set("fromSrc", self.from.as_deref().unwrap_or("-"))
            .text("repo", &self.repo)
            .text("tag", &self.tag)
            .text("message", &self.message)
            .each("changes", &self.changes)
            .maybe("platform", self.platform.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_always_says_which_tag() {
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
    fn every_tag_is_pulled_only_when_asked_for() {
        let pull = PullImage {
            all_tags: true,
            platform: Some("linux/arm64".into()),
        };
        let query = pull.query(&"alpine:3.20".parse().unwrap());
        assert_eq!(query.as_str(), "fromImage=alpine&platform=linux%2Farm64");
    }

    #[test]
    fn an_import_without_a_url_reads_the_body() {
        let import = ImportImage {
            changes: vec!["ENV A=b".into(), "USER nobody".into()],
            ..Default::default()
        };
        assert_eq!(
            import.query().as_str(),
            "fromSrc=-&changes=ENV%20A%3Db&changes=USER%20nobody"
        );
    }
}
