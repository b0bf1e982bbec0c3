//! The context of a build: its Dockerfile, and the files that it copies.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::BuildImage;
use super::pack::{NAMES, check_dockerfile, find_files, pack};
use crate::archive;
use crate::error::{Cause, Error, Result};
use crate::images::remote::Shown;
use crate::wire::body::{Body, Upload};

/// The context of a build.
///
/// ```no_run
/// # use engine_api::images::BuildContext;
/// let project = BuildContext::folder("project");
/// let small = BuildContext::dockerfile("FROM busybox\nCMD [\"date\"]\n");
/// let remote = BuildContext::remote("https://example.org/project.git#main");
/// ```
#[derive(Debug)]
pub struct BuildContext {
    source: Source,
    modified: Option<SystemTime>,
}

enum Source {
    Folder(PathBuf),
    Tar(Upload),
    Dockerfile(String),
    Remote(String),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::Tar(archive) => f.debug_tuple("Tar").field(archive).finish(),
            Self::Dockerfile(text) => f.debug_tuple("Dockerfile").field(text).finish(),
            Self::Remote(url) => f.debug_tuple("Remote").field(&Shown(url)).finish(),
        }
    }
}

impl BuildContext {
    /// A directory, without the files that its `.dockerignore` excludes. It is read while it is
    /// sent.
    ///
    /// A `.dockerignore` has the same meaning as in `docker build`; with BuildKit, the one that is
    /// named after the Dockerfile comes first. Owners become root, links stay links, and files come
    /// in the order of their names. Sockets and other special files must be excluded.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::Folder(path.into()))
    }

    /// A tar archive, plain or compressed; it is sent unread.
    pub fn tar(archive: impl Into<Upload>) -> Self {
        Self::new(Source::Tar(archive.into()))
    }

    /// The text of a Dockerfile, without files to copy.
    pub fn dockerfile(text: impl Into<String>) -> Self {
        Self::new(Source::Dockerfile(text.into()))
    }

    /// The contents of a URL: a git repository, a tar archive, a Dockerfile.
    pub fn remote(url: impl Into<String>) -> Self {
        Self::new(Source::Remote(url.into()))
    }

    /// Sets the modification time of each file, so that the same files make the same archive.
    #[must_use]
    pub fn modified(mut self, time: SystemTime) -> Self {
        self.modified = Some(time);
        self
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            modified: None,
        }
    }

    /// The URL, if the engine reads the context from one.
    pub(super) fn url(&self) -> Option<&str> {
        match &self.source {
            Source::Remote(url) => Some(url),
            _ => None,
        }
    }

    /// Checks the files to send, and returns the body that sends them.
    pub(super) async fn body(self, options: &BuildImage) -> Result<Body> {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let modified = self.modified.map(seconds);
        match self.source {
            Source::Tar(archive) => Ok(archive.0),
            Source::Remote(url) if url.trim().is_empty() => {
                Err(Error::invalid("the URL of the build's context is empty"))
            }
            Source::Remote(_) => Ok(Body::Empty),
            Source::Dockerfile(text) => {
                check_dockerfile(&text, options.builder)?;
                let name = match options.dockerfile.as_str() {
                    "" => NAMES[0],
                    name => name,
                };
                Ok(archive::file_of(name, 0o644, text, modified)?.0)
            }
            Source::Folder(root) => {
                let (name, builder) = (options.dockerfile.clone(), options.builder);
                let looked = tokio::task::spawn_blocking(move || find_files(root, &name, builder));
                let (root, found) = looked
                    .await
                    .map_err(|error| Error::local(Cause::UploadSource(io::Error::other(error))))??;
                Ok(pack(root, found, modified).0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::images::Builder;

    async fn bytes(context: BuildContext, options: &BuildImage) -> Result<Vec<u8>> {
        match context.body(options).await? {
            Body::Upload(mut pieces) => {
                let mut all = Vec::new();
                while let Some(piece) = std::future::poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
                    all.extend_from_slice(&piece.unwrap());
                }
                Ok(all)
            }
            Body::Full(bytes) => Ok(bytes.to_vec()),
            Body::Empty => Ok(Vec::new()),
        }
    }

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect()
    }

    fn project(ignore: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["src/deep", "target/keep", "docs"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in [
            "src/main",
            "src/deep/x",
            "target/big",
            "target/keep/y",
            "docs/a.md",
            "z",
        ] {
            fs::write(root.join(name), name).unwrap();
        }
        fs::write(root.join("Dockerfile"), "FROM x\nCOPY . /\n").unwrap();
        fs::write(root.join(".dockerignore"), ignore).unwrap();
        folder
    }

    #[tokio::test]
    async fn directory_is_sent_without_ignored_files() {
        let folder = project("target\n!target/keep\n**/*.md\n.dockerignore\nDockerfile\n");
        let sent = bytes(BuildContext::folder(folder.path()), &BuildImage::default()).await;
        assert_eq!(
            names(&sent.unwrap()),
            [
                ".dockerignore",
                "Dockerfile",
                "docs",
                "src",
                "src/deep",
                "src/deep/x",
                "src/main",
                "target/keep",
                "target/keep/y",
                "z"
            ]
        );
    }

    #[tokio::test]
    async fn archive_depends_on_contents_not_on_file_times() {
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let mut archives = Vec::new();
        for age in [1, 2] {
            let folder = project("");
            let file = fs::File::open(folder.path().join("z")).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(age)).unwrap();
            let context = BuildContext::folder(folder.path()).modified(time);
            archives.push(bytes(context, &BuildImage::default()).await.unwrap());
        }
        assert_eq!(archives[0], archives[1]);
        let text = || BuildContext::dockerfile("FROM x").modified(time);
        let options = BuildImage::default();
        assert_eq!(
            bytes(text(), &options).await.unwrap(),
            bytes(text(), &options).await.unwrap()
        );
    }

    #[tokio::test]
    async fn buildkit_prefers_the_dockerfiles_ignore_file() {
        let folder = project("docs\n");
        fs::write(folder.path().join("Dockerfile.dockerignore"), "src\ntarget\n").unwrap();
        let sent = |builder| {
            let options = BuildImage {
                builder,
                ..Default::default()
            };
            let context = BuildContext::folder(folder.path());
            async move { names(&bytes(context, &options).await.unwrap()) }
        };
        let buildkit = sent(Builder::BuildKit).await;
        assert!(buildkit.contains(&"docs/a.md".into()) && !buildkit.contains(&"src".into()));
        assert!(sent(Builder::Classic).await.contains(&"src".into()));
    }

    #[tokio::test]
    async fn errors_name_the_file_that_cannot_be_sent() {
        let folder = project("[");
        let options = BuildImage::default();
        let error = bytes(BuildContext::folder(folder.path()), &options)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("line 1 of .dockerignore"), "{error}");
        for name in ["nothing", "../x", "/etc/passwd"] {
            let options = BuildImage {
                dockerfile: name.into(),
                ..Default::default()
            };
            let error = bytes(BuildContext::folder(folder.path()), &options)
                .await
                .unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(bytes(BuildContext::remote(" "), &options).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn sockets_are_rejected_unless_ignored() {
        let folder = project("");
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("sock")).unwrap();
        let options = BuildImage::default();
        let error = bytes(BuildContext::folder(folder.path()), &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::UploadSource);
        assert!(error.to_string().contains("sock"), "{error}");
        fs::write(folder.path().join(".dockerignore"), "sock").unwrap();
        assert!(bytes(BuildContext::folder(folder.path()), &options).await.is_ok());
    }

    #[tokio::test]
    async fn dockerfile_for_another_builder_is_rejected() {
        let text = "FROM x\nRUN --mount=type=cache,target=/c y";
        let context = BuildContext::dockerfile(text);
        let error = bytes(context, &BuildImage::default()).await.unwrap_err();
        assert_eq!(error.needs_buildkit(), Some(("RUN --mount", 2)));
        let buildkit = BuildImage {
            builder: Builder::BuildKit,
            ..Default::default()
        };
        assert!(bytes(BuildContext::dockerfile(text), &buildkit).await.is_ok());
    }
}
