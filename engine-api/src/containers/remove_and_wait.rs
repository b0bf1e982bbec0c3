//! The end of a container, awaited whoever removes it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Containers, RemoveContainer};
use crate::error::{Cause, Error, Phase, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Who has removed a container that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoveOutcome {
    /// This call.
    Removed,
    /// Somebody else, meanwhile.
    RemovedByOther,
    /// It was not there to begin with.
    AlreadyGone,
}

impl Containers<'_> {
    /// Removes a container, or awaits that another one does; then it is gone, and its name is free.
    ///
    /// What [`Containers::remove`] reports as errors is part of it: that the container is not there (404), or that its
    /// removal is under way (409), in which case the removal is tried again until there is nothing left to remove.
    /// So any number of callers may ask for it at the same time, and all of them succeed.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use std::time::Duration;
    /// use engine_api::containers::RemoveContainer;
    ///
    /// let by_force = RemoveContainer { force: true, volumes: true, ..Default::default() };
    /// docker.containers().remove_and_wait("web", by_force, Duration::from_secs(30)).await?;
    /// // "web" can be the name of another one now.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A timeout ([`Phase::Total`]) when it is not gone after `patience`; the removal may still take place. Whatever
    /// else keeps the engine from removing it, as that it runs and `force` is not set (409).
    pub async fn remove_and_wait(
        &self,
        id: &str,
        options: RemoveContainer,
        patience: Duration,
    ) -> Result<RemoveOutcome> {
        let deadline = Instant::now() + patience;
        match timeout_at(deadline, self.removed(id, options)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let cause = Cause::Timeout {
                    phase: Phase::Total,
                    after: patience,
                };
                Err(Error::local(cause).in_call("ContainerDelete", Some(id)))
            }
        }
    }

    async fn removed(&self, id: &str, options: RemoveContainer) -> Result<RemoveOutcome> {
        let mut pause = FIRST_PAUSE;
        let mut waited = false;
        loop {
            match self.remove(id, options.clone()).await {
                Ok(()) => return Ok(RemoveOutcome::Removed),
                Err(error) if error.is_not_found() && waited => return Ok(RemoveOutcome::RemovedByOther),
                Err(error) if error.is_not_found() => return Ok(RemoveOutcome::AlreadyGone),
                Err(error) if is_being_removed(&error) => waited = true,
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether an engine refuses to remove what is being removed already. Engines say it by nothing but the message.
fn is_being_removed(error: &Error) -> bool {
    let said = error.message().unwrap_or_default();
    error.is_conflict() && said.contains("removal of container") && said.contains("already in progress")
}
