//! A network that belongs to one environment: created before its container, removed after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_api::Docker;
use engine_api::networks::{CreateNetwork, DisconnectNetwork, InspectNetwork, Network};
use tokio::time::{Instant, sleep};

use super::cleanup;
use super::diagnostics::to_error;
use super::labels;
use crate::creator::Creator;
use crate::engine::NewEnvironment;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Hold;
use crate::journal::entry::Resource;

/// The kind of the network among the resources that are noted in the journal.
pub(super) const NETWORK: &str = "network";

/// How long a removal waits for containers that are being removed, too.
const STILL_USED: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(100);

/// A network that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct PrivateNetwork {
    docker: Docker,
    name: String,
    environment: String,
    creator: Creator,
    /// Keeps the journal entry until the network is gone; `None` if another one owns the network.
    hold: Mutex<Option<Hold>>,
}

impl PrivateNetwork {
    /// Creates the network of an environment.
    pub(super) async fn create(docker: &Docker, name: &str, new: NewEnvironment<'_>) -> Result<Self> {
        let journal = new.context.journal();
        journal.note(Resource::new(NETWORK, name))?;
        let mut network = Self::opened(docker, name, new.id.as_str());
        network.hold = Mutex::new(Some(journal.hold()));
        let created = CreateNetwork {
            name: name.to_owned(),
            labels: labels::of(new.id, new.name, new.spec)?.into(),
            ..CreateNetwork::default()
        };
        // A dropped or failed call may have created it: the drop looks.
        docker.networks().create(created).await.map_err(to_error)?;
        Ok(network)
    }

    /// The network of an environment that another value owns.
    pub(super) fn opened(docker: &Docker, name: &str, environment: &str) -> Self {
        Self {
            docker: docker.clone(),
            name: name.to_owned(),
            environment: environment.to_owned(),
            creator: Creator::this_process(),
            hold: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a while until no other container is on the network: without it, another
    /// environment could not reach its neighbours, nor start again.
    pub(super) async fn until_unused(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let networks = self.docker.networks();
            let network = match networks.inspect(&self.name, InspectNetwork::default()).await {
                Ok(network) => network,
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(to_error(error)),
            };
            // Its own container has the name of the network.
            let mut others = users(&network);
            others.retain(|name| *name != self.name);
            if others.is_empty() {
                return Ok(());
            }
            if began.elapsed() >= STILL_USED {
                return Err(used(&self.name, &others));
            }
            disconnect_missing(&self.docker, &network).await;
            sleep(PAUSE).await;
        }
    }

    /// Removes the network. It waits for a while for other containers on it that are being removed.
    pub(super) async fn remove(&self) -> Result<()> {
        remove(&self.docker, &self.name, &self.environment).await?;
        self.disarm();
        Ok(())
    }

    /// Removes the network without awaiting it, see [`cleanup::run`], unless another value owns it;
    /// returns whether it is gone already.
    pub(super) fn remove_in_background(&self) -> bool {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(hold) = hold.filter(|_| self.creator.is_this_process()) else {
            return false;
        };
        let (docker, name, environment) = (self.docker.clone(), self.name.clone(), self.environment.clone());
        let (hold, gone) = (Arc::new(Mutex::new(Some(hold))), Arc::new(AtomicBool::new(false)));
        let is_gone = Arc::clone(&gone);
        cleanup::run(Arc::new(move || {
            let (docker, name, environment) = (docker.clone(), name.clone(), environment.clone());
            let (hold, gone) = (Arc::clone(&hold), Arc::clone(&gone));
            Box::pin(async move {
                let removed = remove(&docker, &name, &environment).await;
                gone.store(removed.is_ok(), Ordering::Release);
                let hold = hold.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let (Ok(_), Some(hold)) = (removed, hold) {
                    hold.gone();
                }
            })
        }));
        is_gone.load(Ordering::Acquire)
    }

    /// From now on, dropping this does not remove the network.
    pub(super) fn disarm(&self) {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hold) = hold {
            hold.gone();
        }
    }
}

impl Drop for PrivateNetwork {
    fn drop(&mut self) {
        self.remove_in_background();
    }
}

/// Removes a network with the label of the environment; returns whether there was one.
pub(super) async fn remove(docker: &Docker, name: &str, environment: &str) -> Result<bool> {
    let began = Instant::now();
    loop {
        let networks = docker.networks();
        let network = match networks.inspect(name, InspectNetwork::default()).await {
            Ok(network) => network,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(to_error(error)),
        };
        if network
            .labels
            .get(labels::ENVIRONMENT)
            .is_none_or(|id| id != environment)
        {
            return Ok(false);
        }
        match networks.remove(&network.id).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_not_found() => return Ok(true),
            // Docker replies with 403 if the network is used, Podman with 409 or 500.
            Err(error)
                if began.elapsed() >= STILL_USED || !matches!(error.status(), Some(403 | 409 | 500)) =>
            {
                let used_by = users(&network);
                return Err(match used_by.is_empty() {
                    true => to_error(error),
                    false => used(name, &used_by),
                });
            }
            Err(_) => {}
        }
        disconnect_missing(docker, &network).await;
        sleep(PAUSE).await;
    }
}

fn used(name: &str, by: &[&str]) -> Error {
    let text = format!(
        "its network {name} is used by {}; remove those first",
        by.join(", ")
    );
    Error::new(ErrorKind::Conflict, text)
}

/// The names of the containers on a network.
fn users(network: &Network) -> Vec<&str> {
    network.containers.values().map(|one| one.name.as_str()).collect()
}

/// Disconnects containers that do not exist: a daemon that was killed can leave them on a network.
async fn disconnect_missing(docker: &Docker, network: &Network) {
    for container in network.containers.keys() {
        let found = docker.containers().inspect(container, Default::default()).await;
        if found.is_err_and(|error| error.is_not_found()) {
            let options = DisconnectNetwork {
                container: container.clone(),
                force: true,
            };
            // The removal that follows reports what is left.
            let _ = docker.networks().disconnect(&network.id, options).await;
        }
    }
}
