//! From what an image is built.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use engine_api::images::{BuildArgs, BuildContext, BuildImage, Builder, PreparedContext};

use super::super::diagnostics::to_error;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::variables::Variables;

/// From what an image is built: a directory, or files in memory.
///
/// ```
/// use isolation::engines::docker::BuildSpec;
///
/// let from_directory = BuildSpec::directory("app");
/// let from_memory = BuildSpec {
///     files: [("Dockerfile".to_owned(), b"FROM busybox\nCMD [\"date\"]\n".to_vec())].into(),
///     ..BuildSpec::default()
/// };
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildSpec {
    /// The directory with the Dockerfile and the files that it copies, without those that its
    /// `.dockerignore` excludes.
    pub directory: Option<PathBuf>,
    /// Files in memory in place of a directory, by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The path of the Dockerfile in the directory; empty is `Dockerfile`.
    pub dockerfile: String,
    /// The stage that is built; empty is the last one.
    pub target: String,
    /// Values for the `ARG` instructions. `Debug` does not show them.
    pub args: Variables,
    /// The platform, `os/architecture[/variant]`; `None` is the daemon's own.
    pub platform: Option<String>,
    /// The builder; `None` is the classic one, or BuildKit for a Dockerfile that needs it.
    pub builder: Option<Builder>,
    /// Names for the image, beside that of this crate.
    pub tags: Vec<String>,
    /// Build even if an image of the same content exists, without the cache of the daemon.
    pub no_cache: bool,
    /// Pull the base images, even if the daemon has them.
    pub pull: bool,
}

impl BuildSpec {
    /// Builds from a directory.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self {
            directory: Some(path.into()),
            ..Self::default()
        }
    }

    /// The files, with times that do not depend on when they were written.
    pub(super) fn context(&self) -> Result<BuildContext> {
        let context = match (&self.directory, self.files.is_empty()) {
            (Some(directory), true) => BuildContext::directory(directory),
            (None, false) => BuildContext::files(self.files.clone()),
            _ => return Err(Error::invalid("a build needs either a directory or files")),
        };
        Ok(context.modified(UNIX_EPOCH))
    }

    fn options(&self, builder: Builder) -> BuildImage {
        let args = self.args.iter();
        let args: BTreeMap<String, Option<String>> = args
            .map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect();
        BuildImage {
            builder,
            dockerfile: self.dockerfile.clone(),
            target: self.target.clone(),
            build_args: BuildArgs::from(args),
            platform: self.platform.clone(),
            no_cache: self.no_cache,
            force_remove: true,
            ..BuildImage::default()
        }
    }

    /// Prepares the files to send, and the options with a builder that knows the Dockerfile.
    pub(super) async fn prepare(&self) -> Result<(PreparedContext, BuildImage)> {
        let first = self.builder.unwrap_or(Builder::Classic);
        for builder in [first, Builder::BuildKit] {
            let options = self.options(builder);
            let prepared = self.context()?.prepare(&options).await.map_err(to_error)?;
            match prepared.unsupported {
                Some(_) if self.builder.is_none() && builder == Builder::Classic => {}
                Some(error) => return Err(Error::new(ErrorKind::Unsupported, error.to_string())),
                None => return Ok((prepared, options)),
            }
        }
        Err(Error::invalid("no builder builds this Dockerfile"))
    }

    /// The text for errors.
    pub(super) fn shown(&self) -> String {
        let directory = self.directory.as_ref();
        directory.map_or_else(
            || "of files in memory".to_owned(),
            |path| format!("of {}", path.display()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn builder_is_the_one_that_can_build() {
        let spec = |text: &str| BuildSpec {
            files: [("Dockerfile".to_owned(), text.as_bytes().to_vec())].into(),
            ..BuildSpec::default()
        };
        let plain = spec("FROM x\n");
        assert_eq!(plain.prepare().await.unwrap().1.builder, Builder::Classic);
        let mount = spec("FROM x\nRUN --mount=type=cache,target=/c true\n");
        assert_eq!(mount.prepare().await.unwrap().1.builder, Builder::BuildKit);
        let classic = BuildSpec {
            builder: Some(Builder::Classic),
            ..mount
        };
        assert_eq!(
            classic.prepare().await.map(drop).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            BuildSpec::default().prepare().await.map(drop).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
}
