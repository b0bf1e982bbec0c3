//! Creating a container that is removed when its guard is dropped.

use std::fmt;

use tokio::runtime::Handle;

use super::{Containers, CreateContainer, RemoveContainer};
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
    /// `None` after it was removed or kept.
    id: Option<String>,
}

/// Forced, with its anonymous volumes.
const BY_FORCE: RemoveContainer = RemoveContainer {
    volumes: true,
    force: true,
    link: false,
};

impl TemporaryContainer {
    /// A separate task completes the call: if the request were dropped halfway, there could be a
    /// container whose ID is unknown. If the caller is gone by then, the guard is dropped with the
    /// result of the task.
    async fn create(docker: &Docker, container: CreateContainer) -> Result<Self> {
        let lost = |why: &str| {
            Error::local(Cause::Disconnected(format!(
                "the container was not created: {why}"
            )))
        };
        let runtime = Handle::try_current().map_err(|_none| lost("there is no Tokio runtime here"))?;
        let docker = docker.clone();
        let creating = runtime.spawn(async move {
            let created = docker.containers().create(container).await?;
            let id = Some(created.id);
            Ok(Self { docker, id })
        });
        creating.await.map_err(|_ended| lost("the runtime ended"))?
    }

    /// ID of the container.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
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
        self.id = None;
        match outcome {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Keeps the container, and returns its ID.
    #[must_use]
    pub fn keep(mut self) -> String {
        self.id.take().unwrap_or_default()
    }
}

impl Drop for TemporaryContainer {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else {
            return;
        };
        let docker = self.docker.clone();
        // Nothing can receive an error here.
        runtime.spawn(async move { drop(docker.containers().remove(&id, BY_FORCE).await) });
    }
}

impl fmt::Debug for TemporaryContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryContainer")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn guard_needs_a_runtime() {
        let docker = Docker::tcp("127.0.0.1", 1);
        let containers = docker.containers();
        let creating = pin!(containers.create_temporary(CreateContainer::default()));
        let outcome = creating.poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Err(error)) = outcome else {
            panic!("it waits")
        };
        assert!(
            error.to_string().contains("there is no Tokio runtime here"),
            "{error}"
        );
    }
}
