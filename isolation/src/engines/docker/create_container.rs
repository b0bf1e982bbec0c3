//! Creates the container of an environment, guarded from the first moment.

use engine_api::Docker;

use super::DockerEngine;
use super::blueprint::{Blueprint, Failed};
use super::diagnostics::to_error;
use super::guarded::create_guarded;
use super::images::{self, PullPolicy};
use super::remove::Guard;
use super::start_failure::{NO_INIT, is_init_missing};
use super::steps::Steps;
use crate::engine::NewEnvironment;
use crate::error::Result;
use crate::events::Step;

impl DockerEngine {
    /// Creates the container. An image that somebody has removed meanwhile is pulled again. A
    /// default limit that the daemon refuses is left out.
    pub(super) async fn create_container(
        &self,
        docker: &Docker,
        blueprint: &mut Blueprint,
        new: NewEnvironment<'_>,
        steps: &Steps,
    ) -> Result<(Guard, Vec<String>)> {
        let context = new.context;
        let policy = self.pull_policy(new.spec)?;
        let mut may_pull = policy != PullPolicy::Never;
        loop {
            let created = match blueprint.container(docker).await {
                Ok(body) => {
                    let creating = Box::pin(create_guarded(docker, body?, context));
                    // The wait for others does not count.
                    let creating = self.settings.container_call(creating);
                    steps.run(Step::Create, creating).await?
                }
                Err(error) => Err(error),
            };
            let error = match created {
                Ok(created) => return Ok(created),
                Err(error) => error,
            };
            let message = error.message().unwrap_or_default();
            if is_init_missing(message) && blueprint.next(Failed::Init) {
                steps.warn(NO_INIT);
                continue;
            }
            if self.leave_out(message, &mut blueprint.spec.limits, new) {
                continue;
            }
            if !images::is_missing(&error) {
                return Err(to_error(error));
            }
            match (may_pull, policy) {
                (true, _) => may_pull = false,
                (false, PullPolicy::Never) => return Err(images::missing(&blueprint.image)),
                (false, _) => return Err(to_error(error)),
            }
            self.provide_image(docker, blueprint, (PullPolicy::Always, None), context)
                .await?;
        }
    }
}
