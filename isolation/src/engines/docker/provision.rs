//! Provides the image of an environment: it is there, and the daemon runs its programs.

use std::time::Duration;

use engine_api::Docker;
use engine_api::images::Image;

use super::blueprint::Blueprint;
use super::diagnostics::to_error;
use super::guarded::create_guarded;
use super::images::{self, Found, PullPolicy, Supply, Wanted};
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

/// The image of an environment, by the name in its specification, and what the daemon has.
#[derive(Debug)]
pub(super) struct LookedFor {
    image: String,
    found: Option<Found>,
}

impl DockerEngine {
    /// When the image of an environment is pulled.
    pub(super) fn pull_policy(&self, spec: &EnvironmentSpec) -> Result<PullPolicy> {
        Ok(DockerOptions::of(spec)?.pull.unwrap_or(self.settings.pull))
    }

    /// Looks for the image of a specification; `None` if it is pulled for every environment.
    pub(super) async fn look_for_image(&self, spec: &EnvironmentSpec) -> Result<Option<LookedFor>> {
        if self.pull_policy(spec)? == PullPolicy::Always {
            return Ok(None);
        }
        let supply = Supply::of(self, None).await?;
        let platform = DockerOptions::of(spec)?.platform;
        let image = self.settings.image_of(spec);
        let wanted = Wanted {
            image: &image,
            policy: PullPolicy::Never,
            platform: platform.as_deref().map(Platform::parse).transpose()?,
        };
        let found = supply.find(&wanted).await?;
        Ok(Some(LookedFor { image, found }))
    }

    /// The ID of the image of a specification; `None` if it is pulled for every environment, empty
    /// if the daemon does not have it.
    pub(super) async fn identify_image(&self, spec: &EnvironmentSpec) -> Result<Option<String>> {
        let Some(looked) = self.look_for_image(spec).await? else {
            return Ok(None);
        };
        let image = looked.found.and_then(|found| found.image);
        Ok(Some(image.map(|image| image.id).unwrap_or_default()))
    }

    /// Finds or pulls the image, and checks its platform. `known` is what was found just now.
    pub(super) async fn provide_image(
        &self,
        docker: &Docker,
        blueprint: &mut Blueprint,
        (policy, known): (PullPolicy, Option<&LookedFor>),
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
        let known = known.filter(|known| policy != PullPolicy::Always && known.image == blueprint.image);
        let found = match known.map(|known| known.found.clone()) {
            Some(Some(found)) => found,
            Some(None) if policy == PullPolicy::Never => return Err(images::missing(&blueprint.image)),
            Some(None) => {
                let absent = Wanted {
                    policy: PullPolicy::Always,
                    ..wanted
                };
                supply.provide(&absent, &mut tell).await?
            }
            None => supply.provide(&wanted, &mut tell).await?,
        };
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
