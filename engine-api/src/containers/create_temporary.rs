//! Creating a container that is removed when its guard is dropped.

use std::fmt;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{ContainerCreated, Containers, CreateContainer, RemoveContainer};
use crate::client::Docker;
use crate::error::{Cause, Error, Result};

impl Containers<'_> {
    /// Creates a container that is removed when the returned guard is dropped.
    ///
    /// The container and its anonymous volumes are removed by force. If this future is dropped
    /// before it returns, and the engine still creates the container, it is removed, too.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::containers::{CreateContainer, StartContainer};
    ///
    /// let database = CreateContainer { image: "postgres".into(), ..Default::default() };
    /// let database = docker.containers().create_temporary(database).await?;
    /// docker.containers().start(database.id(), StartContainer::default()).await?;
    /// // … whatever fails here, the container is removed.
    /// database.remove().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`Containers::create`].
    pub async fn create_temporary(&self, container: CreateContainer) -> Result<TemporaryContainer> {
        TemporaryContainer::create(self.docker, container).await
    }
}

/// A guard of a container: it removes the container when it is dropped.
///
/// Created by [`Containers::create_temporary`]. A drop removes the container in a task of the
/// current Tokio runtime, so a process that ends at once may leave it behind;
/// [`TemporaryContainer::remove`] waits for the removal.
pub struct TemporaryContainer {
    docker: Docker,
    state: State,
}

enum State {
    Creating(JoinHandle<Result<ContainerCreated>>),
    Created(String),
    Released,
}

/// Forced, with its anonymous volumes.
const BY_FORCE: RemoveContainer = RemoveContainer {
    volumes: true,
    force: true,
    link: false,
};

impl TemporaryContainer {
    /// A separate task completes the call: if the request were dropped halfway, there could be a
    /// container whose ID is unknown.
    async fn create(docker: &Docker, container: CreateContainer) -> Result<Self> {
        let lost = |why: &str| {
            Error::local(Cause::Disconnected(format!(
                "the container was not created: {why}"
            )))
        };
        let runtime = Handle::try_current().map_err(|_none| lost("there is no Tokio runtime here"))?;
        let client = docker.clone();
        let mut this = Self {
            docker: docker.clone(),
            state: State::Creating(runtime.spawn(async move { client.containers().create(container).await })),
        };
        if let State::Creating(creating) = &mut this.state {
            let created = creating.await;
            // Set before the next await can fail: a finished task must not be awaited again.
            this.state = State::Released;
            this.state = State::Created(created.map_err(|_ended| lost("the runtime ended"))??.id);
        }
        Ok(this)
    }

    /// ID of the container.
    pub fn id(&self) -> &str {
        match &self.state {
            State::Created(id) => id,
            State::Creating(_) | State::Released => "",
        }
    }

    /// Removes the container and waits for the removal; a container that is already gone is not an
    /// error.
    ///
    /// # Errors
    ///
    /// The errors of [`Containers::remove`]; the caller must then remove the container.
    pub async fn remove(mut self) -> Result<()> {
        let outcome = self.docker.containers().remove(self.id(), BY_FORCE).await;
        // Set only after the removal: a drop during the removal must still remove the container.
        self.state = State::Released;
        match outcome {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Keeps the container, and returns its ID.
    #[must_use]
    pub fn keep(mut self) -> String {
        match std::mem::replace(&mut self.state, State::Released) {
            State::Created(id) => id,
            State::Creating(_) | State::Released => String::new(),
        }
    }
}

impl Drop for TemporaryContainer {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Released);
        let (false, Ok(runtime)) = (matches!(state, State::Released), Handle::try_current()) else {
            return;
        };
        let docker = self.docker.clone();
        runtime.spawn(async move {
            let id = match state {
                State::Creating(creating) => match creating.await {
                    Ok(Ok(created)) => created.id,
                    _ => return,
                },
                State::Created(id) => id,
                State::Released => return,
            };
            // Nothing can receive an error here.
            drop(docker.containers().remove(&id, BY_FORCE).await);
        });
    }
}

impl fmt::Debug for TemporaryContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryContainer")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
