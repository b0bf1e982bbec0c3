//! Removing a container and waiting until it no longer exists, also if another caller removes it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Containers, RemoveContainer};
use crate::error::{Cause, Error, Phase, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How a container was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoveOutcome {
    /// This call has removed it.
    Removed,
    /// Another caller has removed it at the same time.
    RemovedByOther,
    /// It did not exist before the call.
    AlreadyGone,
}

impl Containers<'_> {
    /// Removes a container, or waits until another caller has removed it; its name is then free.
    ///
    /// Two errors of [`Containers::remove`] are not errors here: the container does not exist
    /// (404), or another call is removing it (409). In the second case, this method retries until
    /// the container no longer exists. So any number of callers may remove a container at the same
    /// time, and all of them succeed.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use std::time::Duration;
    /// use engine_api::containers::RemoveContainer;
    ///
    /// let by_force = RemoveContainer { force: true, volumes: true, ..Default::default() };
    /// docker.containers().remove_and_wait("web", by_force, Duration::from_secs(30)).await?;
    /// // "web" can now be the name of another container.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A timeout ([`Phase::Total`]) when it still exists after `timeout`; the removal may still
    /// succeed later. Other errors of the engine, such as 409 when it is running and `force` is not
    /// set.
    pub async fn remove_and_wait(
        &self,
        id: &str,
        options: RemoveContainer,
        timeout: Duration,
    ) -> Result<RemoveOutcome> {
        let deadline = Instant::now() + timeout;
        match timeout_at(deadline, self.removed(id, options)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let cause = Cause::Timeout {
                    phase: Phase::Total,
                    after: timeout,
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

/// Whether another call is removing the container; only the engine's message shows it.
fn is_being_removed(error: &Error) -> bool {
    let message = error.message().unwrap_or_default();
    error.is_conflict() && message.contains("removal of container") && message.contains("already in progress")
}
