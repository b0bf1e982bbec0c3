//! Provides the image of an environment: it is there, and the daemon runs its programs.

use std::time::Duration;

use engine_api::Docker;
use engine_api::images::Image;

use super::blueprint::Blueprint;
use super::create_container::create_guarded;
use super::diagnostics::to_error;
use super::images::{PullPolicy, Supply, Wanted};
use super::options::DockerOptions;
use super::platform::{self, Need, Platform};
use super::{DockerEngine, NAME};
use crate::engine::context::Context;
use crate::error::Result;
use crate::events::{EventKind, PullProgress, Subject};
use crate::spec::EnvironmentSpec;

/// How long the probe of an emulation may take. Without an answer, the start of the environment
/// shows whether its programs run.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

impl DockerEngine {
    /// The ID of the image of a specification; `None` if it is pulled for every environment, empty
    /// if the daemon does not have it.
    pub(super) async fn identify_image(&self, spec: &EnvironmentSpec) -> Result<Option<String>> {
        if self.settings.pull == PullPolicy::Always {
            return Ok(None);
        }
        let supply = Supply::of(self, None).await?;
        let platform = DockerOptions::of(spec)?.platform;
        let wanted = Wanted {
            image: &self.settings.image_of(spec),
            policy: PullPolicy::Never,
            platform: platform.as_deref().map(Platform::parse).transpose()?,
        };
        let found = supply.find(&wanted).await?;
        let id = found.and_then(|found| found.image).map(|image| image.id);
        Ok(Some(id.unwrap_or_default()))
    }

    /// Finds or pulls the image, and checks its platform.
    pub(super) async fn provide_image(
        &self,
        docker: &Docker,
        blueprint: &mut Blueprint,
        policy: PullPolicy,
        context: &Context,
    ) -> Result<()> {
        let platform = DockerOptions::of(&blueprint.spec)?.platform;
        let supply = Supply::of(self, context.journal().directory().cloned()).await?;
        let wanted = Wanted {
            image: &blueprint.image,
            policy,
            platform: platform.as_deref().map(Platform::parse).transpose()?,
        };
        let pulled = supply.settings().image_names.pulled(&blueprint.image);
        let subject = Subject::Image {
            engine: NAME.to_owned(),
            image: pulled,
        };
        let mut tell = |progress: &PullProgress| {
            context.emit(subject.clone(), EventKind::Pull(progress.clone()));
        };
        let found = supply.provide(&wanted, &mut tell).await?;
        blueprint.use_image(&found.name, found.image.as_ref());
        match &found.image {
            Some(image) => self.check_platform(docker, blueprint, image, context).await,
            None => Ok(()),
        }
    }

    /// Rejects an image whose programs the daemon cannot run.
    async fn check_platform(
        &self,
        docker: &Docker,
        blueprint: &Blueprint,
        image: &Image,
        context: &Context,
    ) -> Result<()> {
        let asked = async || Ok(self.daemon().await?.platform.clone());
        match platform::compare(docker, (&blueprint.image, image), asked).await? {
            Need::Nothing => Ok(()),
            Need::Other(wrong) => Err(wrong.into()),
            Need::Emulation(wrong) => {
                let emulated = match self.emulated.get(image) {
                    Some(emulated) => Some(emulated),
                    None => self.probe_emulation(docker, blueprint, context).await?,
                };
                if let Some(emulated) = emulated {
                    self.emulated.remember(image, emulated);
                }
                match emulated {
                    Some(false) => Err(wrong.into()),
                    Some(true) | None => Ok(()),
                }
            }
        }
    }

    /// Whether the daemon runs the shell of the image; `None` if that cannot be found out.
    async fn probe_emulation(
        &self,
        docker: &Docker,
        blueprint: &Blueprint,
        context: &Context,
    ) -> Result<Option<bool>> {
        let probe = platform::probe_of(blueprint.body()?, blueprint.probe_name());
        let (guard, _) = create_guarded(docker, probe, context).await?.map_err(to_error)?;
        let outcome = platform::outcome(docker, guard.container());
        let outcome = tokio::time::timeout(PROBE_TIMEOUT, outcome).await;
        guard.remove().await;
        match outcome {
            Ok(shown) => shown.map_err(to_error),
            Err(_) => Ok(None),
        }
    }
}
