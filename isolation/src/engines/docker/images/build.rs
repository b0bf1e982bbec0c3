//! Builds an image, unless an image of the same content exists.

use std::collections::BTreeMap;

use engine_api::images::{BuildImage, Builder, InspectImage, PreparedContext, RemoveImage};
use sha2::{Digest, Sha256};

use super::super::diagnostics::to_error;
use super::super::labels;
use super::super::platform::Platform;
use super::build_spec::{BuildSpec, no_sessions};
use super::pull::{Supply, Wanted};
use super::{BUILT, Images, PullPolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::directory::StateDirectory;

/// An image that was built, or that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltImage {
    /// The name by which an environment uses it; it has the digest of all that it was built from.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Whether it was there, so that nothing was built.
    pub cached: bool,
}

impl Images<'_> {
    /// Builds an image, unless one of the same content exists: of the same files, arguments, base
    /// images and options. `on_log` gets the output of the build, piece by piece.
    ///
    /// Base images are pulled first as [`pull`](Self::pull) does, with credentials and the
    /// configured mirror. A failed build removes the images of its steps.
    /// [`prune`](Self::prune) removes built images that no container uses.
    ///
    /// BuildKit is always asked: it has a cache of its own, and gets only the files that have
    /// changed. It can use the credentials of the docker command, and the secrets, ssh agents and
    /// contexts of `spec`; an image that it builds has its own ID in its name.
    /// [`build_output`](Self::build_output) writes files in place of an image.
    ///
    /// # Errors
    ///
    /// The kind is [`Timeout`](ErrorKind::Timeout) after
    /// [`build_timeout`](super::super::DockerSettings::build_timeout), and
    /// [`Conflict`](ErrorKind::Conflict) if a file changes during the build.
    pub async fn build(&self, spec: &BuildSpec, mut on_log: impl FnMut(&str) + Send) -> Result<BuiltImage> {
        // Boxed, because it is large and callers move the future.
        let built = Box::pin(self.build_in_time(spec, &mut on_log));
        let built = self.engine.settings.build_call(built).await;
        built.map_err(|error| error.during("build the image", &spec.shown()))
    }

    async fn build_in_time(
        &self,
        spec: &BuildSpec,
        on_log: &mut (dyn FnMut(&str) + Send),
    ) -> Result<BuiltImage> {
        let docker = self.engine.docker().await?;
        let in_session = !spec.without_session && !self.is_podman().await?;
        if spec.needs_session() && !spec.without_session && !in_session {
            return Err(no_sessions());
        }
        let (prepared, mut options) = spec.prepare(in_session).await?;
        let bases = self.base_images(spec, &prepared.base_images, on_log).await?;
        if options.builder == Builder::BuildKit && in_session {
            return self.build_by_buildkit(spec, options, on_log).await;
        }
        let key = key(prepared, &options, &bases).await?;
        let name = format!("{BUILT}:{key}");
        if !spec.no_cache {
            if let Some(id) = self.id_of(&name).await? {
                for tag in &spec.tags {
                    self.tag(&name, tag).await?;
                }
                return Ok(BuiltImage {
                    name,
                    id,
                    cached: true,
                });
            }
        }
        options.tags = std::iter::once(&name).chain(&spec.tags).cloned().collect();
        options.labels = [(labels::BUILD.to_owned(), key.clone())].into();
        // Not a part of the key: the image does not depend on the way to the network.
        let mut sent = options.clone();
        docker.proxy_variables().add_to_build(&mut sent.build_args);
        let mut made = Made::default();
        let built = async {
            let mut lines = docker
                .images()
                .build(spec.timeless_context()?, sent, None)
                .await
                .map_err(to_error)?;
            while let Some(line) = lines.next().await {
                let line = line.map_err(to_error)?;
                made.note(&line.stream);
                if !line.stream.is_empty() {
                    on_log(&line.stream);
                }
            }
            Ok(())
        };
        let built: Result<()> = built.await;
        if let Err(error) = built {
            self.remove_steps(&made.images).await;
            return Err(error);
        }
        let (again, _) = spec.prepare(in_session).await?;
        if self::key(again, &options, &bases).await? != key {
            self.remove(&name, false).await?;
            let text = "a file of the directory was changed during the build; build again";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let id = self.id_of(&name).await?;
        let lost = || {
            Error::new(
                ErrorKind::Lost,
                format!("somebody else removed the image {name}; build again"),
            )
        };
        Ok(BuiltImage {
            id: id.ok_or_else(lost)?,
            name,
            cached: false,
        })
    }

    /// Provides the base images; returns their names and IDs. An image that comes from a mirror
    /// gets the name that is written in the Dockerfile.
    pub(super) async fn base_images(
        &self,
        spec: &BuildSpec,
        bases: &[String],
        on_log: &mut (dyn FnMut(&str) + Send),
    ) -> Result<BTreeMap<String, String>> {
        let supply = Supply::of(self.engine, StateDirectory::open(None)?).await?;
        let mut ids = BTreeMap::new();
        for base in bases.iter().filter(|base| !spec.has_context(base)) {
            let wanted = Wanted {
                image: base,
                policy: match spec.pull {
                    true => PullPolicy::Always,
                    false => PullPolicy::IfMissing,
                },
                platform: spec.platform.as_deref().map(Platform::parse).transpose()?,
            };
            let mut pulling = false;
            let found = supply
                .provide(&wanted, &mut |_| {
                    if !std::mem::replace(&mut pulling, true) {
                        on_log(&format!("pulling the image {base}\n"));
                    }
                })
                .await?;
            if found.name != *base && !base.contains('@') {
                self.tag(&found.name, base).await?;
            }
            ids.insert(
                base.clone(),
                found.image.map(|image| image.id).unwrap_or_default(),
            );
        }
        Ok(ids)
    }

    /// Whether the daemon is Podman, which has no sessions.
    pub(super) async fn is_podman(&self) -> Result<bool> {
        let docker = self.engine.docker().await?;
        docker.version().await.map_err(to_error)?;
        Ok(docker.is_podman() == Some(true))
    }

    pub(super) async fn id_of(&self, name: &str) -> Result<Option<String>> {
        let docker = self.engine.docker().await?;
        match docker.images().inspect(name, InspectImage::default()).await {
            Ok(image) => Ok(Some(image.id)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(to_error(error)),
        }
    }

    /// Removes the images of the steps of a failed build, the last one first. One that somebody
    /// else uses stays; the error of the build is reported in any case.
    async fn remove_steps(&self, images: &[String]) {
        let Ok(docker) = self.engine.docker().await else {
            return;
        };
        for image in images.iter().rev() {
            let options = RemoveImage {
                noprune: true,
                ..RemoveImage::default()
            };
            let _ = docker.images().remove(image, options).await;
        }
    }
}

/// The images that a build by the classic builder or by Podman has made, from its output: after
/// each step a line with an arrow and the ID, and one with `Using cache` before the ID of an image
/// that was there.
#[derive(Default)]
struct Made {
    images: Vec<String>,
    cached: bool,
    /// The first step is a base image.
    is_base: bool,
}

impl Made {
    fn note(&mut self, text: &str) {
        for line in text.lines() {
            if line.starts_with("Step ") || line.starts_with("STEP ") {
                let instruction = line.split_once(": ").map(|(_, instruction)| instruction);
                self.is_base = instruction.is_some_and(|instruction| instruction.starts_with("FROM"));
                self.cached = false;
            }
            match line.trim_start_matches([' ', '-']).strip_prefix("> ") {
                Some(text) if text.starts_with("Using cache") => self.cached = true,
                Some(id) if !self.cached && !self.is_base && is_id(id) => self.images.push(id.to_owned()),
                _ => {}
            }
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The digest of everything from which an image is built.
async fn key(
    prepared: PreparedContext,
    options: &BuildImage,
    bases: &BTreeMap<String, String>,
) -> Result<String> {
    let mut digest = Sha256::new();
    let about = serde_json::json!({
        "dockerfile": options.dockerfile, "target": options.target, "args": *options.build_args,
        "platform": options.platform, "buildkit": options.builder == Builder::BuildKit, "bases": bases,
    });
    digest.update(about.to_string());
    let mut archive = prepared.archive;
    while let Some(piece) = archive.next().await {
        digest.update(piece.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?);
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn images_of_steps_are_those_that_the_build_made() {
        let mut made = Made::default();
        for line in [
            "Step 1/4 : FROM busybox\n",
            " ---> fc6e1e58d240\n",
            "Step 2/4 : ENV A=1\n",
            " ---> Using cache\n",
            " ---> 111111111111\n",
            "Step 3/4 : RUN echo x\n",
            " ---> Running in 999999999999\n",
            "x\n",
            " ---> 222222222222\n",
            "Step 4/4 : RUN false\n",
            " ---> Running in 888888888888\n",
        ] {
            made.note(line);
        }
        assert_eq!(made.images, ["222222222222"]);
        let mut made = Made::default();
        made.note(
            "STEP 1/4: FROM busybox\nSTEP 2/4: ENV A=1\n--> Using cache 1111111111111111\n--> 111111111111\n",
        );
        made.note("STEP 3/4: RUN echo x\nx\n--> 222222222222\nSTEP 4/4: RUN false\n");
        assert_eq!(made.images, ["222222222222"]);
    }

    #[tokio::test]
    async fn key_depends_on_content_not_on_times() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write("Dockerfile", "FROM busybox\nCOPY a /a\n");
        write("a", "1");
        let spec = BuildSpec::directory(directory.path());
        let of = async |spec: &BuildSpec, base: &str| {
            let (prepared, options) = spec.prepare(true).await.unwrap();
            let bases = [("busybox".to_owned(), base.to_owned())].into();
            key(prepared, &options, &bases).await.unwrap()
        };
        let first = of(&spec, "1").await;
        let file = std::fs::File::options()
            .append(true)
            .open(directory.path().join("a"))
            .unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(of(&spec, "1").await, first);
        assert_ne!(of(&spec, "2").await, first);
        let args = BuildSpec {
            args: [("A", "hunter2")].into(),
            ..spec.clone()
        };
        assert_ne!(of(&args, "1").await, first);
        assert!(!format!("{args:?}").contains("hunter2"));
        write("a", "2");
        assert_ne!(of(&spec, "1").await, first);
    }
}
