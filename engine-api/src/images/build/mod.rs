//! Build an image from a Dockerfile.

mod build_image;
mod context;
mod context_body;
mod dockerfile;
mod ignore;
mod instructions;
mod pack;
mod pattern;
mod prepare;
mod protobuf;
pub(super) mod prune_cache;
#[cfg(feature = "buildkit")]
mod session;
mod stages;
mod trace;

use std::collections::BTreeMap;

pub use build_image::{BuildArgs, BuildImage, BuildOutput, Builder};
pub use context::BuildContext;
pub use prepare::PreparedContext;
pub use prune_cache::{BuildCacheFilters, BuildCachePruned, PruneBuildCache};
#[cfg(feature = "buildkit")]
pub use session::{BuildSecret, BuildSession, LocalOutput, NamedContext, SshAgent};
pub use trace::{BuildLog, BuildStatus, BuildStep, BuildTrace, BuildWarning};

use super::{ImageReference, Images, Progress, PullImage};
use crate::auth::{RegistryAuth, config_header, registry_key};
use crate::error::{Cause, Error, Result};
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::stream::JsonLines;

pub(super) static BUILD: Operation<Lines<Progress>> = Operation::post("ImageBuild", "/build").slow();

/// Why credentials cannot be used.
const NO_SESSION: &str = "BuildKit reads credentials only from a session, and this context does not show which \
                          base images to pull before; build with `Images::build_with_session` (feature \
                          `buildkit`), or pull them (`pull_if_missing`) and leave `registries` out";

impl Images<'_> {
    /// Builds an image from a Dockerfile.
    ///
    /// The build is complete when the stream has ended without an error; dropping the stream
    /// cancels the build. `registries` contains credentials by the registry's name,
    /// [`DOCKER_HUB`](crate::auth::DOCKER_HUB) for Docker Hub. BuildKit of Docker cannot use them
    /// here. So missing base images from these registries are pulled before such a build.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::images::{BuildContext, BuildImage};
    ///
    /// let options = BuildImage { tags: vec!["web:1".into()], ..Default::default() };
    /// let context = BuildContext::directory("web");
    /// let mut progress = docker.images().build(context, options, None).await?;
    /// while let Some(line) = progress.next().await {
    ///     print!("{}", line?.stream); // a step that fails ends with an error here
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::NeedsBuildKit`] when the Dockerfile of a directory or a text requires a
    /// feature that Docker's builder does not support, in a stage that is built;
    /// [`crate::ErrorKind::UploadSource`] when a file cannot be read;
    /// [`crate::ErrorKind::Unsupported`] when `registries` has credentials for BuildKit of Docker,
    /// and the context is an archive or a URL, whose Dockerfile is not known here.
    pub async fn build(
        &self,
        context: BuildContext,
        options: BuildImage,
        registries: Option<&BTreeMap<String, RegistryAuth>>,
    ) -> Result<JsonLines<Progress>> {
        let name = options.tags.first().map(String::as_str).unwrap_or_default();
        let wrong = options.wrong();
        let call = self
            .docker
            .call(&BUILD)
            .about(name)
            .query(options.query(context.url()));
        let call = match registries {
            Some(registries) => call.header("x-registry-config", config_header(registries)),
            None => call.credentials(false),
        };
        if wrong.is_some() {
            return call.reject_if(wrong).send().await;
        }
        let on = Some(name).filter(|name| !name.is_empty());
        let in_call = |error: Error| error.in_call(BUILD.info.id, on);
        let mut credentials =
            registries.filter(|all| options.builder == Builder::BuildKit && !all.is_empty());
        if credentials.is_some() && self.is_podman().await.map_err(in_call)? {
            credentials = None; // it uses the header
        }
        if credentials.is_some() && context.is_unread() {
            return Err(in_call(Error::local(Cause::Unsupported(NO_SESSION.to_owned()))));
        }
        let packed = context.body(&options, self.is_podman()).await.map_err(in_call)?;
        if let Some(cause) = packed.beyond {
            if !self.is_podman().await.map_err(in_call)? {
                return Err(in_call(Error::local(cause)));
            }
        }
        if let Some(registries) = credentials {
            let pulling = Box::pin(self.pull_base_images(&packed.base_images, &options, registries));
            pulling.await.map_err(in_call)?;
        }
        call.tar(packed.body).send().await
    }

    /// Pulls missing base images if there are credentials for their registries: BuildKit asks for
    /// credentials in a session, and ignores the header.
    async fn pull_base_images(
        &self,
        images: &[String],
        options: &BuildImage,
        registries: &BTreeMap<String, RegistryAuth>,
    ) -> Result<()> {
        for image in images {
            // BuildKit reports an invalid name with its line.
            let Ok(reference) = image.parse::<ImageReference>() else {
                continue;
            };
            if let Some(auth) = registries.get(&registry_key(reference.registry())) {
                let pull = PullImage {
                    platform: options.platform.clone(),
                    ..PullImage::default()
                };
                self.pull_if_missing(image, pull, Some(auth)).await?;
            }
        }
        Ok(())
    }

    /// Whether the engine is Podman, which has its own builder.
    async fn is_podman(&self) -> Result<bool> {
        self.docker.version().await?;
        match self.docker.is_podman() {
            Some(podman) => Ok(podman),
            // The user has set the version, so the engine was not asked.
            None => Ok(self.docker.system().ping().await?.is_podman()),
        }
    }
}

impl Progress {
    /// The id of the built image, if this line of a build reports it.
    pub fn image_id(&self) -> Option<&str> {
        let reported = self.aux.as_ref().and_then(|aux| aux.get("ID")?.as_str());
        // A quiet build prints only the ID; Podman omits the algorithm.
        let alone = || {
            let text = self.stream.trim();
            let digits = text.strip_prefix("sha256:").unwrap_or(text).bytes();
            let is_id = digits.len() == 64 && digits.clone().all(|byte| byte.is_ascii_hexdigit());
            is_id.then_some(text)
        };
        reported.or_else(alone)
    }
}

impl JsonLines<Progress> {
    /// Reads a build's progress to its end, and returns the id of the image.
    ///
    /// # Errors
    ///
    /// The failure that the engine reports in the stream, or the error that broke the stream.
    pub async fn built(mut self) -> Result<String> {
        let mut id = None;
        while let Some(line) = self.next().await {
            id = line?.image_id().map(str::to_owned).or(id);
        }
        id.ok_or_else(|| {
            Error::protocol("the build ended without the id of an image").in_call(BUILD.info.id, None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_id_is_read_from_aux_or_from_the_text() {
        let id = format!("sha256:{}", "0".repeat(64));
        let line = |text: String| -> Progress { crate::from_json(text.as_bytes()).unwrap() };
        let reported = line(format!(r#"{{"id":"moby.image.id","aux":{{"ID":"{id}"}}}}"#));
        let alone = line(format!(r#"{{"stream":"{id}\n"}}"#));
        assert_eq!((reported.image_id(), alone.image_id()), (Some(&*id), Some(&*id)));
        let podman = line(format!(r#"{{"stream":"{}\n"}}"#, &id[7..]));
        assert_eq!(podman.image_id(), Some(&id[7..]));
        for other in [
            r#"{"aux":"CgA="}"#,
            r#"{"stream":"sha256:1"}"#,
            r#"{"stream":"STEP 1/2"}"#,
        ] {
            assert_eq!(line(other.into()).image_id(), None);
        }
    }
}
