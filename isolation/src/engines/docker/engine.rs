//! The engine `docker`, as a manager calls it.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use engine_api::Docker;
use engine_api::connect::Address;

use super::diagnostics::to_error;
use super::snapshot::Prepared;
use super::{BuildSpec, DockerEngine, NAME, PullPolicy, daemon, listed, owned_image, watch};
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::context::Context;
#[cfg(unix)]
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::volumes::{GroupVolumeRequest, ProvidedVolume};
use crate::engine::watch::{Reports, Watching};
use crate::engine::{Ahead, Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::Result;
use crate::journal::entry::Resource;
#[cfg(unix)]
use crate::snapshots::SavedState;
use crate::spec::EnvironmentSpec;

impl Engine for DockerEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        Box::pin(self.ask(None))
    }

    fn probe_for<'a>(&'a self, needed: &'a BTreeSet<Feature>) -> BoxFuture<'a, Probe> {
        Box::pin(self.ask(Some(needed)))
    }

    fn look_ahead<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Option<Ahead>> {
        Box::pin(async move {
            // Otherwise the creation asks the daemon about itself first.
            let knows =
                self.daemon.get().is_some() || daemon::drops_nothing_silently(self.docker().await.ok()?);
            if !knows {
                return None;
            }
            // The creation asks again, and reports the error.
            let found = self.look_for_image(spec).await.ok().flatten()?;
            Some(Box::new(found) as Ahead)
        })
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let created = Box::pin(self.make(new, Prepared::default())).await?;
            Ok(Box::new(created) as Box<dyn Instance>)
        })
    }

    #[cfg(unix)]
    fn adapt(&self, state: &SavedState, spec: &mut EnvironmentSpec) -> Result<()> {
        Self::adapt_spec(state, spec)
    }

    #[cfg(unix)]
    fn restore<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        state: &'a SavedState,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let created = Box::pin(self.make_from(new, state)).await?;
            Ok(Box::new(created) as Box<dyn Instance>)
        })
    }

    #[cfg(unix)]
    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let created = Box::pin(self.make_fork(new, point)).await?;
            Ok(Box::new(created) as Box<dyn Instance>)
        })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.find(id, context))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(async move {
            let listed = async { listed::all(self.docker().await?, &self.settings.container_prefix).await };
            let listed = listed.await;
            let listed = listed.map_err(|error| error.during("list the environments of", NAME))?;
            Ok(listed.into_iter().map(|one| one.environment).collect())
        })
    }

    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.remove_leftover(leftover))
    }

    /// The address of the daemon; `None` if the client has a connector of its own.
    fn address(&self) -> Option<String> {
        let address = self.client.get()?.address();
        address.parse::<Address>().is_ok().then_some(address)
    }

    fn fill_in(&self, spec: &mut EnvironmentSpec) {
        spec.image
            .get_or_insert_with(|| self.settings.default_image.clone());
        spec.limits = spec.limits.clone().or(&self.settings.limits);
    }

    fn image_id<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(self.identify_image(spec))
    }

    fn has_image<'a>(&'a self, spec: &'a EnvironmentSpec) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            match self.pull_policy(spec)? {
                // A missing image is the error of the creation.
                PullPolicy::Never => Ok(true),
                PullPolicy::Always => Ok(false),
                PullPolicy::IfMissing => {
                    let found = self.identify_image(spec).await?;
                    Ok(found.is_some_and(|id| !id.is_empty()))
                }
            }
        })
    }

    fn is_image_used<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Option<bool>>> {
        Box::pin(async move { owned_image::is_used(self.docker().await?, image).await })
    }

    fn labelled<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<Vec<Resource>>> {
        Box::pin(self.labelled_resources(id))
    }

    fn build_image<'a>(
        &'a self,
        spec: &'a EnvironmentSpec,
        log: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let build = BuildSpec::of(spec)?;
            let built = Box::pin(self.images().build(&build, log)).await?;
            Ok(built.name)
        })
    }

    fn provide_volume<'a>(
        &'a self,
        request: GroupVolumeRequest<'a>,
    ) -> BoxFuture<'a, Result<ProvidedVolume>> {
        Box::pin(async move { self.volumes().provide(request).await })
    }

    fn group_volumes<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let found = self.volumes().of_group(group).await?.into_iter();
            Ok(found.map(|volume| volume.on_daemon).collect())
        })
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.volumes().remove(name).await })
    }

    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        let docker = Docker::from_address(address).map_err(to_error)?;
        Ok(Arc::new(Self {
            settings: self.settings.clone(),
            ..Self::new(docker)
        }))
    }

    fn watch(&self, reports: Reports) -> BoxFuture<'_, Result<Watching>> {
        let prefix = &self.settings.container_prefix;
        Box::pin(async move { watch::watch(self.docker().await?, prefix, reports).await })
    }

    fn past_events(
        &self,
        since: SystemTime,
        until: Option<SystemTime>,
        reports: Reports,
    ) -> BoxFuture<'_, Result<Watching>> {
        let prefix = &self.settings.container_prefix;
        Box::pin(async move { watch::past(self.docker().await?, prefix, (since, until), reports).await })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
