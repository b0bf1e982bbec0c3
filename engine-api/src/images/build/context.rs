//! The context of a build: its Dockerfile, and the files that it copies.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
#[cfg(feature = "buildkit")]
use std::path::Path;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::context_body::ContextBody;
use super::dockerfile::NAMES;
use super::pack::{find_files, pack};
use super::{BuildImage, dockerfile};
use crate::archive;
use crate::error::{Cause, Error, Result};
use crate::images::remote::Shown;
use crate::wire::body::{Body, Upload};

/// The context of a build.
///
/// ```no_run
/// # use engine_api::images::BuildContext;
/// let project = BuildContext::directory("project");
/// let small = BuildContext::dockerfile("FROM busybox\nCMD [\"date\"]\n");
/// let remote = BuildContext::remote("https://example.org/project.git#main");
/// ```
#[derive(Debug)]
pub struct BuildContext {
    source: Source,
    modified: Option<SystemTime>,
}

enum Source {
    Directory(PathBuf),
    Tar(Upload),
    Dockerfile(String),
    Files(BTreeMap<String, Vec<u8>>),
    Remote(String),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            Self::Tar(archive) => f.debug_tuple("Tar").field(archive).finish(),
            Self::Dockerfile(text) => f.debug_tuple("Dockerfile").field(text).finish(),
            Self::Files(files) => f.debug_tuple("Files").field(&files.keys()).finish(),
            Self::Remote(url) => f.debug_tuple("Remote").field(&Shown(url)).finish(),
        }
    }
}

impl BuildContext {
    /// A directory, without the files that its `.dockerignore` excludes. The files are read during
    /// the upload.
    ///
    /// A `.dockerignore` excludes the same files as in `docker build`. The builders differ in two
    /// ways. BuildKit prefers the file that is named after the Dockerfile, such as
    /// `Dockerfile.dockerignore`. With BuildKit, an exception that has a wildcard also applies in
    /// excluded directories: `*` and `!src/*/main.c`.
    ///
    /// Names are sent unchanged, even if they are not UTF-8. Owners become root, links stay links,
    /// and files are sorted by name. Sockets and other special files must be excluded.
    ///
    /// BuildKit reads the Dockerfile from the context, because this client opens no session. So
    /// `COPY . /` copies the Dockerfile even if it is excluded.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::Directory(path.into()))
    }

    /// A tar archive, plain or compressed; it is sent unchanged.
    pub fn tar(archive: impl Into<Upload>) -> Self {
        Self::new(Source::Tar(archive.into()))
    }

    /// The text of a Dockerfile, without files to copy.
    pub fn dockerfile(text: impl Into<String>) -> Self {
        Self::new(Source::Dockerfile(text.into()))
    }

    /// Files in memory: the path in the context and the contents of each. Their mode is `0644`.
    pub fn files<N: Into<String>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (N, C)>) -> Self {
        let files = files.into_iter();
        Self::new(Source::Files(
            files
                .map(|(name, contents)| (name.into(), contents.into()))
                .collect(),
        ))
    }

    /// The contents of a URL: a git repository, a tar archive, a Dockerfile.
    pub fn remote(url: impl Into<String>) -> Self {
        Self::new(Source::Remote(url.into()))
    }

    /// Sets the modification time of each file, so that the same files result in the same archive.
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

    /// The path, if the context is a directory.
    #[cfg(feature = "buildkit")]
    pub(super) fn directory_path(&self) -> Option<&Path> {
        match &self.source {
            Source::Directory(path) => Some(path),
            _ => None,
        }
    }

    /// The modification time of each file, if it was set.
    #[cfg(feature = "buildkit")]
    pub(super) fn modified_time(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Whether only the engine reads the Dockerfile.
    pub(super) fn is_unread(&self) -> bool {
        matches!(self.source, Source::Tar(_) | Source::Remote(_))
    }

    /// Finds the files to send. `is_podman` is awaited only if the result depends on it.
    pub(super) async fn body(
        self,
        options: &BuildImage,
        is_podman: impl Future<Output = Result<bool>>,
    ) -> Result<ContextBody> {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let modified = self.modified.map(seconds);
        let of_text = |body: Upload, text: &str| ContextBody {
            body: body.0,
            beyond: dockerfile::beyond(text, options.builder, &options.target),
            base_images: dockerfile::base_images(text, options),
        };
        match self.source {
            Source::Tar(archive) => Ok(ContextBody::unread(archive.0)),
            Source::Remote(url) if url.trim().is_empty() => {
                Err(Error::invalid("the URL of the build's context is empty"))
            }
            Source::Remote(_) => Ok(ContextBody::unread(Body::Empty)),
            Source::Dockerfile(text) => {
                let name = match options.dockerfile.as_str() {
                    "" => NAMES[0],
                    name => name,
                };
                let body = archive::file_of(name, 0o644, &text, modified)?;
                Ok(of_text(body, &text))
            }
            Source::Files(files) => {
                let text = dockerfile::among(&files, &options.dockerfile)?;
                let all = files
                    .iter()
                    .map(|(name, contents)| (name.as_str(), contents.as_slice()));
                Ok(of_text(archive::files_of(all, 0o644, modified)?, &text))
            }
            Source::Directory(root) => {
                let options = options.clone();
                let looked = tokio::task::spawn_blocking(move || find_files(root, &options));
                let mut found = looked
                    .await
                    .map_err(|error| Error::local(Cause::UploadSource(io::Error::other(error))))??;
                let (beyond, base_images) = (found.beyond.take(), std::mem::take(&mut found.base_images));
                if found.has_own_ignore && is_podman.await? {
                    found.leave_out_dockerignore();
                }
                Ok(ContextBody {
                    body: pack(found, modified).0,
                    beyond,
                    base_images,
                })
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
        let packed = context.body(options, async { Ok(false) }).await?;
        Ok(collected(packed.body).await)
    }

    async fn collected(body: Body) -> Vec<u8> {
        let mut archive = Upload(body);
        let mut all = Vec::new();
        while let Some(piece) = archive.next().await {
            all.extend_from_slice(&piece.unwrap());
        }
        all
    }

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect()
    }

    fn project(ignore: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
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
        directory
    }

    #[tokio::test]
    async fn directory_is_sent_without_ignored_files() {
        let directory = project("target\n!target/keep\n**/*.md\n.dockerignore\nDockerfile\n");
        let sent = bytes(BuildContext::directory(directory.path()), &BuildImage::default()).await;
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
            let directory = project("");
            let file = fs::File::open(directory.path().join("z")).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(age)).unwrap();
            let context = BuildContext::directory(directory.path()).modified(time);
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
        let directory = project("docs\n");
        fs::write(directory.path().join("Dockerfile.dockerignore"), "src\ntarget\n").unwrap();
        let sent = |builder| {
            let options = BuildImage {
                builder,
                ..Default::default()
            };
            let context = BuildContext::directory(directory.path());
            async move { names(&bytes(context, &options).await.unwrap()) }
        };
        let buildkit = sent(Builder::BuildKit).await;
        assert!(buildkit.contains(&"docs/a.md".into()) && !buildkit.contains(&"src".into()));
        assert!(sent(Builder::Classic).await.contains(&"src".into()));
    }

    #[tokio::test]
    async fn podman_gets_no_dockerignore_that_does_not_count() {
        let directory = project("docs\n");
        let own = directory.path().join("Dockerfile.dockerignore");
        let options = BuildImage {
            builder: Builder::BuildKit,
            ..Default::default()
        };
        for (is_own, is_podman, is_sent) in [(false, true, true), (true, true, false), (true, false, true)] {
            if is_own {
                fs::write(&own, "src\n").unwrap();
            }
            let context = BuildContext::directory(directory.path());
            let packed = context.body(&options, async { Ok(is_podman) }).await.unwrap();
            let sent = names(&collected(packed.body).await).contains(&".dockerignore".to_owned());
            assert_eq!(sent, is_sent, "{is_own} {is_podman}");
        }
    }

    #[tokio::test]
    async fn errors_name_the_file_that_cannot_be_sent() {
        let directory = project("[");
        let options = BuildImage::default();
        let error = bytes(BuildContext::directory(directory.path()), &options)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("line 1 of .dockerignore"), "{error}");
        for name in ["nothing", "../x", "/etc/passwd"] {
            let options = BuildImage {
                dockerfile: name.into(),
                ..Default::default()
            };
            let error = bytes(BuildContext::directory(directory.path()), &options)
                .await
                .unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(bytes(BuildContext::remote(" "), &options).await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn sockets_are_rejected_unless_ignored() {
        let directory = project("");
        let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("sock")).unwrap();
        let options = BuildImage::default();
        let error = bytes(BuildContext::directory(directory.path()), &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::UploadSource);
        assert!(error.to_string().contains("sock"), "{error}");
        fs::write(directory.path().join(".dockerignore"), "sock").unwrap();
        assert!(
            bytes(BuildContext::directory(directory.path()), &options)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn body_comes_with_what_the_builder_lacks() {
        let text = "FROM x\nRUN --mount=type=cache,target=/c y";
        let directory = project("");
        fs::write(directory.path().join("Dockerfile"), text).unwrap();
        let both = || {
            [
                BuildContext::dockerfile(text),
                BuildContext::directory(directory.path()),
            ]
        };
        for context in both() {
            let options = BuildImage::default();
            let packed = context.body(&options, async { Ok(false) }).await.unwrap();
            let beyond = packed.beyond;
            assert!(matches!(beyond, Some(Cause::NeedsBuildKit { line: 2, .. })));
        }
        let options = BuildImage {
            builder: Builder::BuildKit,
            ..Default::default()
        };
        for context in both() {
            let packed = context.body(&options, async { Ok(false) }).await.unwrap();
            assert!(packed.beyond.is_none());
        }
    }

    #[tokio::test]
    async fn dockerfile_has_the_name_of_the_options() {
        for (name, sent) in [("", "Dockerfile"), ("docker/x", "docker/x")] {
            let options = BuildImage {
                dockerfile: name.into(),
                ..Default::default()
            };
            let archive = bytes(BuildContext::dockerfile("FROM x"), &options).await.unwrap();
            assert_eq!(names(&archive), [sent]);
        }
    }
}
