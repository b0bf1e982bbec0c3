//! From what an image is built.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use engine_api::images::{
    BuildArgs, BuildContext, BuildImage, BuildSecret, Builder, ImageReference, NamedContext, PreparedContext,
    SshAgent,
};

use super::super::diagnostics::to_error;
use super::super::options::DockerOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
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
    /// The builder; `None` is the classic one, or BuildKit for a build that needs it.
    pub builder: Option<Builder>,
    /// Secrets for `RUN --mount=type=secret,id=…`, by their IDs. For this and the next two, the
    /// daemon builds with BuildKit, and not on Podman.
    pub secrets: BTreeMap<String, BuildSecret>,
    /// Agents for `RUN --mount=type=ssh,id=…`, by their IDs; `default` is for a mount without ID.
    pub ssh: BTreeMap<String, SshAgent>,
    /// Contexts beside the directory, by the names that the Dockerfile uses. Needs Docker 23.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Build by BuildKit without a session: all files are sent, and BuildKit can ask for nothing.
    /// The traffic of such a build can be recorded.
    pub without_session: bool,
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

    /// The build of an environment's image.
    pub(in crate::engines::docker) fn of(spec: &EnvironmentSpec) -> Result<Self> {
        let build = spec.build.clone().unwrap_or_default();
        Ok(Self {
            directory: Some(build.context),
            dockerfile: build.dockerfile,
            target: build.target,
            args: build.args,
            platform: DockerOptions::of(spec)?.platform,
            tags: spec.image.iter().cloned().collect(),
            no_cache: build.no_cache,
            pull: build.pull,
            ..Self::default()
        })
    }

    /// The files.
    pub(super) fn context(&self) -> Result<BuildContext> {
        match (&self.directory, self.files.is_empty()) {
            (Some(directory), true) => Ok(BuildContext::directory(directory)),
            (None, false) => Ok(BuildContext::files(self.files.clone())),
            _ => Err(Error::invalid("a build needs either a directory or files")),
        }
    }

    /// The files, with times that do not depend on when they were written.
    pub(super) fn timeless_context(&self) -> Result<BuildContext> {
        Ok(self.context()?.modified(UNIX_EPOCH))
    }

    /// The same build by the builder that it needs.
    pub(super) fn with_builder(mut self, needed: Builder) -> Result<Self> {
        match self.builder {
            _ if self.without_session => Err(Error::invalid(
                "a build without a session has no secrets, ssh agents, named contexts and outputs",
            )),
            Some(builder) if builder != needed => Err(Error::invalid(
                "the classic builder has no secrets, ssh agents, named contexts and outputs; \
                 use BuildKit, or leave them out",
            )),
            _ => {
                self.builder = Some(needed);
                Ok(self)
            }
        }
    }

    /// Whether BuildKit must ask for something.
    pub(super) fn needs_session(&self) -> bool {
        !self.secrets.is_empty() || !self.ssh.is_empty() || !self.contexts.is_empty()
    }

    /// Whether a context takes the place of an image of this name.
    pub(super) fn has_context(&self, image: &str) -> bool {
        let same = |name: &str| match (name.parse::<ImageReference>(), image.parse()) {
            (Ok(name), Ok(image)) => name == image,
            _ => name == image,
        };
        self.contexts.keys().any(|name| same(name))
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
    ///
    /// `in_session` is whether BuildKit gets a session, in which it can do all that a Dockerfile
    /// asks for.
    pub(super) async fn prepare(&self, in_session: bool) -> Result<(PreparedContext, BuildImage)> {
        for tag in &self.tags {
            if let Err(error) = tag.parse::<ImageReference>() {
                return Err(to_error(error));
            }
        }
        let first = match self.needs_session() {
            false => self.builder.unwrap_or(Builder::Classic),
            true => self
                .clone()
                .with_builder(Builder::BuildKit)
                .map(|_| Builder::BuildKit)?,
        };
        let mut builder = first;
        loop {
            let options = self.options(builder);
            let prepared = self.timeless_context()?.prepare(&options);
            let prepared = prepared.await.map_err(to_error)?;
            match prepared.unsupported {
                _ if builder == Builder::BuildKit && in_session => return Ok((prepared, options)),
                Some(_) if self.builder.is_none() && builder == Builder::Classic => {
                    builder = Builder::BuildKit;
                }
                Some(error) => return Err(Error::new(ErrorKind::Unsupported, error.to_string())),
                None => return Ok((prepared, options)),
            }
        }
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

/// The error of a build that Podman cannot do.
pub(super) fn no_sessions() -> Error {
    let text = "Podman has no sessions, so that it cannot ask for secrets, ssh agents, contexts and a place for \
                files; build with Docker, or leave them out";
    Error::new(ErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn secrets_and_contexts_need_buildkit() {
        let spec = BuildSpec {
            files: [("Dockerfile".to_owned(), b"FROM base\n".to_vec())].into(),
            secrets: [("id".to_owned(), BuildSecret::Bytes(b"hunter2".to_vec()))].into(),
            contexts: [("base".to_owned(), NamedContext::Image("busybox".into()))].into(),
            ..BuildSpec::default()
        };
        assert_eq!(spec.prepare(true).await.unwrap().1.builder, Builder::BuildKit);
        assert!(spec.has_context("docker.io/library/base:latest") && !spec.has_context("base:2"));
        assert!(!spec.has_context("not a name"));
        assert!(!format!("{spec:?}").contains("hunter2"));
        let classic = BuildSpec {
            builder: Some(Builder::Classic),
            ..spec
        };
        let error = classic.prepare(true).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn dockerfile_that_asks_for_a_secret_is_buildable() {
        let text = b"FROM x\nRUN --mount=type=secret,id=a,required true\n";
        let spec = BuildSpec {
            files: [("Dockerfile".to_owned(), text.to_vec())].into(),
            ..BuildSpec::default()
        };
        assert_eq!(spec.prepare(true).await.unwrap().1.builder, Builder::BuildKit);
        let error = spec.prepare(false).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "not without a session");
    }

    #[tokio::test]
    async fn builder_is_the_one_that_can_build() {
        let spec = |text: &str| BuildSpec {
            files: [("Dockerfile".to_owned(), text.as_bytes().to_vec())].into(),
            ..BuildSpec::default()
        };
        let plain = spec("FROM x\n");
        assert_eq!(plain.prepare(true).await.unwrap().1.builder, Builder::Classic);
        let mount = spec("FROM x\nRUN --mount=type=cache,target=/c true\n");
        assert_eq!(mount.prepare(true).await.unwrap().1.builder, Builder::BuildKit);
        let classic = BuildSpec {
            builder: Some(Builder::Classic),
            ..mount
        };
        assert_eq!(
            classic.prepare(true).await.map(drop).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            BuildSpec::default()
                .prepare(true)
                .await
                .map(drop)
                .unwrap_err()
                .kind(),
            ErrorKind::InvalidInput
        );
    }
}
