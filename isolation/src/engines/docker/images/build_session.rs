//! Builds in a session of BuildKit: secrets, ssh agents, named contexts, results on this machine.

use engine_api::Docker;
use engine_api::images::{BuildContext, BuildImage, BuildSession, Builder, LocalOutput};

use super::super::diagnostics::to_error;
use super::super::labels;
use super::build_log::BuildLog;
use super::build_spec::{BuildSpec, no_sessions};
use super::credentials::all_credentials;
use super::{BUILT, BuiltImage, Images};
use crate::error::{Error, ErrorKind, Result};

/// The value of the label of an image that BuildKit has built: its content has no digest before the
/// build.
const BY_BUILDKIT: &str = "buildkit";

impl Images<'_> {
    /// Builds an image and writes its files on this machine; no image is made. `on_log` gets the
    /// output of the build, piece by piece.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build). The kind is [`Unsupported`](ErrorKind::Unsupported) if the daemon
    /// cannot do it: Podman, or an OCI layout without the containerd image store.
    pub async fn build_output(
        &self,
        spec: &BuildSpec,
        output: LocalOutput,
        mut on_log: impl FnMut(&str) + Send,
    ) -> Result<()> {
        let built = async {
            if !spec.tags.is_empty() {
                return Err(Error::invalid(
                    "a result on this machine has no name; leave the tags out",
                ));
            }
            if self.is_podman().await? {
                return Err(no_sessions());
            }
            let spec = spec.clone().with_builder(Builder::BuildKit)?;
            let (prepared, options) = spec.prepare(true).await?;
            self.base_images(&spec, &prepared.base_images, &mut on_log)
                .await?;
            self.build_in_session(&spec, options, Some(output), &mut on_log)
                .await
                .map(drop)
        };
        let built = self.engine.settings.build_call(built).await;
        built.map_err(|error| error.during("build the files", &spec.shown()))
    }

    /// Builds an image. The cache of BuildKit decides which steps run.
    pub(super) async fn build_by_buildkit(
        &self,
        spec: &BuildSpec,
        mut options: BuildImage,
        on_log: &mut (dyn FnMut(&str) + Send),
    ) -> Result<BuiltImage> {
        options.tags = spec.tags.clone();
        options.labels = [(labels::BUILD.to_owned(), BY_BUILDKIT.to_owned())].into();
        let id = self.build_in_session(spec, options, None, on_log).await?;
        let lost = || Error::new(ErrorKind::Engine, "the build ended without the ID of an image");
        let id = id.ok_or_else(lost)?;
        let digest = id.rsplit(':').next().unwrap_or_default();
        let name = format!("{BUILT}:{digest}");
        let cached = self.id_of(&name).await?.is_some();
        if !cached {
            self.tag(&id, &name).await?;
        }
        Ok(BuiltImage { name, id, cached })
    }

    /// Runs a build to its end; returns the ID of the image, if one was made. A build whose
    /// credentials a registry has rejected runs once more if a helper has newer ones.
    async fn build_in_session(
        &self,
        spec: &BuildSpec,
        mut options: BuildImage,
        output: Option<LocalOutput>,
        on_log: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Option<String>> {
        let docker = self.engine.docker().await?;
        docker.proxy_variables().add_to_build(&mut options.build_args);
        let warn =
            |on_log: &mut (dyn FnMut(&str) + Send), warning: &str| on_log(&format!("WARNING: {warning}\n"));
        let registries = all_credentials(&mut |warning| warn(on_log, warning)).await;
        let mut session = BuildSession {
            registries,
            secrets: spec.secrets.clone(),
            ssh: spec.ssh.clone(),
            contexts: spec.contexts.clone(),
            output,
        };
        let first = build_once(docker, spec.context()?, options.clone(), session.clone(), on_log);
        let error = match first.await {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        if error.is_unauthorized() {
            // The first try has shown the warnings.
            let newer = all_credentials(&mut |_warning| ()).await;
            if newer != session.registries {
                session.registries = newer;
                let second = build_once(docker, spec.context()?, options, session, on_log);
                return second.await.map_err(to_error);
            }
        }
        Err(to_error(error))
    }
}

async fn build_once(
    docker: &Docker,
    context: BuildContext,
    options: BuildImage,
    session: BuildSession,
    on_log: &mut (dyn FnMut(&str) + Send),
) -> engine_api::Result<Option<String>> {
    let mut lines = docker
        .images()
        .build_with_session(context, options, session)
        .await?;
    let (mut log, mut id) = (BuildLog::default(), None);
    while let Some(line) = lines.next().await {
        let line = line?;
        id = line.image_id().map(str::to_owned).or(id);
        log.add(&line, on_log)?;
    }
    Ok(id)
}
