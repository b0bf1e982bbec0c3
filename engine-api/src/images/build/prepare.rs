//! The contents and requirements of a build, found without an engine.

use super::{BuildContext, BuildImage};
use crate::error::{Error, Result};
use crate::wire::body::Upload;

/// The archive of a build, and the requirements of its Dockerfile. See [`BuildContext::prepare`].
#[derive(Debug)]
#[non_exhaustive]
pub struct PreparedContext {
    /// The archive that is sent; empty for a URL.
    pub archive: Upload,
    /// The images of `FROM` and `COPY --from` in the stages that are built. Build arguments are
    /// replaced by their values. Empty for an archive and a URL, which only the engine reads.
    pub base_images: Vec<String>,
    /// The feature that the Dockerfile requires and the builder does not support; see
    /// [`ErrorKind::NeedsBuildKit`](crate::ErrorKind::NeedsBuildKit).
    pub unsupported: Option<Error>,
}

impl BuildContext {
    /// Reads the Dockerfile and finds the files to send, without an engine, for example for a cache
    /// by the content of a build. The same files result in the same archive if the context has a
    /// [time](Self::modified).
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::UploadSource`] when the Dockerfile or a directory cannot be read.
    pub async fn prepare(self, options: &BuildImage) -> Result<PreparedContext> {
        let packed = self.body(options, async { Ok(false) }).await?;
        Ok(PreparedContext {
            archive: Upload(packed.body),
            base_images: packed.base_images,
            unsupported: packed.beyond.map(Error::local),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    async fn bases(text: &str, options: &BuildImage) -> Vec<String> {
        let context = BuildContext::dockerfile(text);
        context.prepare(options).await.unwrap().base_images
    }

    #[tokio::test]
    async fn base_images_are_those_of_the_stages_that_are_built() {
        let text = "ARG TAG=1\nARG NAME\nFROM base:$TAG AS one\nCOPY --from=tools:2 /x /x\n\
                    FROM ${NAME:-other} AS two\nCOPY --from=one /x /x\nFROM scratch\nCOPY --from=0 /x /x\n\
                    FROM one AS last\nRUN true\n";
        let options = |target: &str, args: &[(&str, &str)]| BuildImage {
            target: target.into(),
            builder: crate::images::Builder::BuildKit,
            build_args: args
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                .collect::<BTreeMap<_, _>>()
                .into(),
            ..BuildImage::default()
        };
        assert_eq!(bases(text, &options("one", &[])).await, ["base:1", "tools:2"]);
        assert_eq!(
            bases(text, &options("two", &[("TAG", "9"), ("NAME", "mine")])).await,
            ["base:9", "mine", "tools:2"]
        );
        assert_eq!(
            bases(text, &options("two", &[])).await,
            ["base:1", "other", "tools:2"]
        );
        assert_eq!(bases(text, &options("2", &[])).await, ["base:1", "tools:2"]);
        assert_eq!(
            bases("FROM $UNKNOWN\n", &options("", &[])).await,
            Vec::<String>::new()
        );
    }

    #[tokio::test]
    async fn files_in_memory_are_a_context() {
        let context = || BuildContext::files([("Dockerfile", "FROM x\nCOPY a /a\n"), ("a", "text")]);
        let mut prepared = context().prepare(&BuildImage::default()).await.unwrap();
        assert_eq!(prepared.base_images, ["x"]);
        let archive = prepared.archive.next().await.unwrap().unwrap();
        assert!(prepared.archive.next().await.is_none());
        let mut archive = tar::Archive::new(&archive[..]);
        let names = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned());
        assert_eq!(
            names.collect::<Vec<_>>(),
            [std::path::Path::new("Dockerfile"), "a".as_ref()]
        );
        let other = BuildImage {
            dockerfile: "other".into(),
            ..BuildImage::default()
        };
        let error = context().prepare(&other).await.unwrap_err().to_string();
        assert!(error.contains("do not contain other"), "{error}");
    }

    #[tokio::test]
    async fn feature_that_the_builder_lacks_is_found() {
        let context = BuildContext::dockerfile("FROM x\nRUN --mount=type=cache,target=/x true\n");
        let prepared = context.prepare(&BuildImage::default()).await.unwrap();
        let error = prepared.unsupported.unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::NeedsBuildKit);
    }
}
