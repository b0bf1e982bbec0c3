//! A container that goes with the future that holds it.

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{ContainerCreated, CreateContainer, RemoveContainer};
use crate::client::Docker;
use crate::error::{Cause, Error, Result};

/// A container that is removed whatever happens: by [`Temporary::remove`], or by a task when dropped.
pub(super) struct Temporary {
    docker: Docker,
    state: State,
}

enum State {
    Creating(JoinHandle<Result<ContainerCreated>>),
    Created(String),
    Removed,
}

/// With its anonymous volumes, running or not.
const THOROUGH: RemoveContainer = RemoveContainer {
    volumes: true,
    force: true,
    link: false,
};

impl Temporary {
    /// Creates it in a task of its own, which sees through what has been sent: were the request dropped
    /// half-way, there could be a container whose id nobody knows.
    pub(super) async fn create(docker: &Docker, container: CreateContainer) -> Result<Self> {
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
            // Settled before anything can fail: a task that has ended must not be awaited again.
            this.state = State::Removed;
            this.state = State::Created(created.map_err(|_ended| lost("the runtime ended"))??.id);
        }
        Ok(this)
    }

    pub(super) fn id(&self) -> &str {
        match &self.state {
            State::Created(id) => id,
            State::Creating(_) | State::Removed => "",
        }
    }

    /// Removes it; gone already is as good.
    pub(super) async fn remove(mut self) -> Result<()> {
        let outcome = self.docker.containers().remove(self.id(), THOROUGH).await;
        // Only now: a drop while the removal is awaited must still remove.
        self.state = State::Removed;
        match outcome {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Removed);
        let (false, Ok(runtime)) = (matches!(state, State::Removed), Handle::try_current()) else {
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
                State::Removed => return,
            };
            // Nobody is left to hear of a failure.
            drop(docker.containers().remove(&id, THOROUGH).await);
        });
    }
}
