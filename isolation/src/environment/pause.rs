//! Pauses all processes of an environment, and resumes them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::shared::Shared;
use super::status::Status;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};

impl Environment {
    /// Pauses all its processes. Their timeouts run on, and no command can start until
    /// [`unpause`](Self::unpause). A paused environment can be stopped, killed and destroyed.
    ///
    /// ```no_run
    /// # async fn demo(database: isolation::Environment) -> isolation::Result<()> {
    /// database.pause().await?; // clients now wait for a database that does not answer
    /// database.unpause().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// One of the kind [`WrongStatus`](crate::ErrorKind::WrongStatus) unless it runs.
    pub async fn pause(&self) -> Result<()> {
        self.shared().pause().await
    }

    /// Resumes all its processes.
    ///
    /// # Errors
    ///
    /// One of the kind [`WrongStatus`](crate::ErrorKind::WrongStatus) unless it is paused.
    pub async fn unpause(&self) -> Result<()> {
        self.shared().unpause().await
    }
}

impl Shared {
    async fn pause(&self) -> Result<()> {
        let paused = self.do_pause().await;
        self.report("pause the environment", self.name(), paused).await?;
        self.observe(Status::Paused);
        Ok(())
    }

    async fn do_pause(&self) -> Result<()> {
        let status = self.status();
        if status == Status::Paused {
            return Err(Error::wrong_status(status, "unpause resumes it"));
        }
        checks::running(status)?;
        match self.instance.pause() {
            Some(pausing) => self.answered(pausing.pause()).await,
            None => Err(self.no_facet(Feature::Pause)),
        }
    }

    async fn unpause(&self) -> Result<()> {
        let resumed = match (checks::paused(self.status()), self.instance.pause()) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(pausing)) => self.answered(pausing.unpause()).await,
            (Ok(()), None) => Err(self.no_facet(Feature::Pause)),
        };
        self.report("unpause the environment", self.name(), resumed)
            .await?;
        self.observe(Status::Running);
        Ok(())
    }
}

/// How long an environment was paused since its start.
#[derive(Debug, Default)]
pub(crate) struct Pauses(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    total: Duration,
    since: Option<Instant>,
}

impl Pauses {
    /// The environment has another status.
    pub(super) fn has_become(&self, status: Status) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = times.since.take() {
            times.total += since.elapsed();
        }
        times.since = (status == Status::Paused).then(Instant::now);
    }

    /// A new run begins.
    pub(super) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Times::default();
    }

    /// The sum of all pauses.
    pub(super) fn total(&self) -> Duration {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.total + times.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn pauses_are_added_until_the_next_start() {
        let pauses = Pauses::default();
        let second = Duration::from_secs(1);
        for _ in 0..2 {
            pauses.has_become(Status::Paused);
            sleep(second).await;
            pauses.has_become(Status::Running);
            sleep(second).await;
        }
        assert_eq!(pauses.total(), 2 * second);
        pauses.has_become(Status::Paused);
        sleep(second).await;
        assert_eq!(pauses.total(), 3 * second, "a pause that goes on");
        pauses.reset();
        assert_eq!(pauses.total(), Duration::ZERO);
    }
}
