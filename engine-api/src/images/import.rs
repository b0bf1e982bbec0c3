//! Create an image from a tar archive of a file system.

use std::fmt;

use super::Images;
use super::progress::Progress;
use super::pull::CREATE;
use super::remote::Shown;
use crate::error::Result;
use crate::wire::body::{Body, Upload};
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

impl Images<'_> {
    /// Creates an image with one layer from a tar archive of a file system, plain or compressed.
    pub async fn import(
        &self,
        archive: impl Into<Upload>,
        options: ImportImage,
    ) -> Result<JsonLines<Progress>> {
        let from = options.from.is_some();
        let body = if from { Body::Empty } else { archive.into().0 };
        self.docker
            .call(&CREATE)
            .about(&options.repo)
            .query(options.query())
            .tar(body)
            .send()
            .await
    }
}

/// How to create an image with one layer from a tar archive of a file system.
///
/// `Debug` does not show the user and the password of a URL.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ImportImage {
    /// The URL of the archive for the engine; `None` if the call sends the archive.
    pub from: Option<String>,
    /// The repository of the name; it may contain a tag. Empty for no name.
    pub repo: String,
    /// The tag; empty is `latest`.
    pub tag: String,
    /// The comment, see [`Image::comment`](super::Image::comment); empty for "Imported from …".
    pub message: String,
    /// Instructions of a Dockerfile to apply: `ENV DEBUG=true`, `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// The platform of the files, `os[/arch[/variant]]`; `None` is the engine's own.
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
    fn query(&self) -> Query {
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
    fn import_without_a_url_reads_the_body() {
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
