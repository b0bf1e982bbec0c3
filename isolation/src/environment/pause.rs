//! Pauses all processes of an environment, and resumes them.

use super::shared::Shared;
use super::status::Status;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};

impl Environment {
    /// Pauses all its processes. Their timeouts continue, and no command can start until
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
    /// An error of the kind [`WrongStatus`](crate::ErrorKind::WrongStatus) unless it runs.
    pub async fn pause(&self) -> Result<()> {
        self.shared().pause().await
    }

    /// Resumes all its processes.
    ///
    /// # Errors
    ///
    /// An error of the kind [`WrongStatus`](crate::ErrorKind::WrongStatus) unless it is paused.
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
        let taken_over = match self.journal.directory() {
            Some(directory) => directory.take_over_pauses(&self.id)?,
            None => false,
        };
        if status == Status::Paused && taken_over {
            // A killed process has left it paused; from now on it is paused for the caller.
            return Ok(());
        }
        if status == Status::Paused {
            return Err(Error::wrong_status(
                status,
                "`isolate unpause ENVIRONMENT`, or Environment::unpause, resumes it",
            ));
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
