//! Pauses an environment's container, and resumes it.

use super::instance::DockerInstance;
use crate::BoxFuture;
use crate::engine::capabilities::Feature;
use crate::engine::instance::Pause;
use crate::environment::checks;
use crate::environment::status::Status;
use crate::error::{Error, Result};

impl DockerInstance {
    /// The result of a change to `wanted`. A daemon refuses one that another process has made
    /// already, and one of a container that has ended meanwhile, with several statuses.
    async fn changed(&self, wanted: Status, changed: engine_api::Result<()>) -> Result<()> {
        let Err(error) = changed else {
            return Ok(());
        };
        let status = self.look().await?.status;
        if status == wanted {
            return Ok(());
        }
        let refused = match wanted {
            Status::Paused => checks::running(status),
            _ => checks::paused(status),
        };
        match refused {
            Err(refused) => Err(refused.observed(status)),
            Ok(()) if error.is_not_found() => Err(Error::lost()),
            Ok(()) => Err(self.container.refused(Feature::Pause, error).await),
        }
    }
}

impl Pause for DockerInstance {
    fn check(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.container.check_feature(Feature::Pause))
    }

    fn pause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let containers = self.container.docker.containers();
            let pause = |name: String| async move { containers.pause(&name).await };
            let paused = self.container.call(pause).await;
            self.changed(Status::Paused, paused).await
        })
    }

    fn unpause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let containers = self.container.docker.containers();
            let unpause = |name: String| async move { containers.unpause(&name).await };
            let resumed = self.container.call(unpause).await;
            self.changed(Status::Running, resumed).await
        })
    }
}
