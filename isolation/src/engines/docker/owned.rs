//! Networks and volumes that are removed after their last use: those of one environment,
//! and those that a test has created for several.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use engine_api::Docker;
use engine_api::containers::InspectContainer;
use engine_api::volumes::RemoveVolume;
use tokio::time::{Instant, sleep};

use super::busy::is_busy;
use super::cleanup;
use super::diagnostics::to_error;
use super::owned_network::{self, PAUSE, STILL_USED};
use super::{NAME, labels, owned_image, publish, remove as containers, volume_directory};
use crate::creator::Creator;
use crate::environment::end_timeout::{answered, drop_limit};
use crate::error::{Error, Result};
use crate::journal::directory::StateDirectory;
use crate::journal::entry::Resource;
use crate::journal::left_image::IMAGE;
use crate::journal::{Hold, Journal};

/// Lets a task complete a creation, so that what it creates is known to its guard and removed even
/// if the caller is dropped and the reply comes late.
pub(super) async fn completed<G: Send + 'static, T: Send + 'static>(
    guard: G,
    creation: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<(G, T)> {
    let creating = tokio::spawn(async move {
        // After an error the guard is dropped here.
        let created = creation.await?;
        Ok((guard, created))
    });
    creating.await.map_err(|ended| Error::engine(NAME, ended))?
}

/// The kinds of resources that are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Network,
    Volume,
    /// A container by which the files of a volume are reached.
    Container,
    /// An image with the state of an environment.
    Image,
}

impl Kind {
    /// The kind among the resources that are noted in the journal, and in messages.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Container => "container",
            Self::Image => IMAGE,
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Network, Self::Volume, Self::Container, Self::Image]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A network or volume that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Owned {
    docker: Docker,
    kind: Kind,
    name: String,
    /// The ID of the environment that has it, or its own.
    id: String,
    creator: Creator,
    /// Keeps the journal entry until it is gone; `None` if another value owns it.
    hold: Mutex<Option<Hold>>,
    /// While this exists, others need it, too, and the last of them removes it.
    others: Weak<()>,
    /// Where an image is noted that others use.
    state: Option<StateDirectory>,
}

impl Owned {
    /// A resource that is about to be created: noted, and removed if the rest of the creation
    /// fails. A dropped or failed request may have created it, so the drop looks.
    pub(super) fn expecting(
        docker: &Docker,
        kind: Kind,
        name: &str,
        id: &str,
        journal: &Journal,
    ) -> Result<Self> {
        journal.note(Resource::new(kind.as_str(), name))?;
        let mut owned = Self::opened(docker, kind, name, id);
        owned.hold = Mutex::new(Some(journal.hold()));
        Ok(owned.noted_in(journal))
    }

    /// A resource that another value owns, or that has no owner.
    pub(super) fn opened(docker: &Docker, kind: Kind, name: &str, id: &str) -> Self {
        Self {
            docker: docker.clone(),
            kind,
            name: name.to_owned(),
            id: id.to_owned(),
            creator: Creator::this_process(),
            hold: Mutex::new(None),
            others: Weak::new(),
            state: None,
        }
    }

    /// The same, for an image: in the journal's directory it is noted if others use it.
    #[must_use]
    pub(super) fn noted_in(mut self, journal: &Journal) -> Self {
        self.state = journal.directory().cloned();
        self
    }

    /// The same, for an image that is not removed while `others` exists.
    #[must_use]
    pub(super) fn shared_with(mut self, others: Weak<()>) -> Self {
        self.others = others;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a while until no container but `own` is on the network.
    pub(super) async fn until_unused(&self, own: &str) -> Result<()> {
        owned_network::until_unused(&self.docker, &self.name, own).await
    }

    /// Removes it. This waits for a while for other containers that use it and are being removed.
    pub(super) async fn remove(&self) -> Result<()> {
        if self.others.strong_count() == 0 {
            remove(&self.docker, self.kind, &self.name, &self.id, self.state.as_ref()).await?;
        }
        self.disarm();
        Ok(())
    }

    /// Removes it without awaiting it, see [`cleanup::run`], unless another value owns it;
    /// returns whether it is gone already.
    pub(super) fn remove_in_background(&self) -> bool {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (limit, began) = (drop_limit(), Instant::now());
        let may_try = self.creator.is_this_process() && !limit.is_zero();
        let Some(hold) = hold.filter(|_| may_try) else {
            return false;
        };
        let (docker, kind, name, id) = (self.docker.clone(), self.kind, self.name.clone(), self.id.clone());
        let (others, state) = (self.others.clone(), self.state.clone());
        let (hold, gone) = (Arc::new(Mutex::new(Some(hold))), Arc::new(AtomicBool::new(false)));
        let is_gone = Arc::clone(&gone);
        // As long as for a container: it may be that of one which is being removed.
        cleanup::run_within(
            containers::RETRY_TIMEOUT,
            Arc::new(move || {
                let (docker, name, id) = (docker.clone(), name.clone(), id.clone());
                let (others, state) = (others.clone(), state.clone());
                let (hold, gone) = (Arc::clone(&hold), Arc::clone(&gone));
                let limit = limit.saturating_sub(began.elapsed());
                Box::pin(async move {
                    let removal = async {
                        match needed_by_others(&docker, &id, &others).await? {
                            true => Ok(false),
                            false => remove(&docker, kind, &name, &id, state.as_ref()).await,
                        }
                    };
                    let answers = || async { docker.system().ping().await.is_ok() };
                    let removed = Box::pin(answered(limit, removal, answers)).await;
                    gone.store(removed.is_ok(), Ordering::Release);
                    let hold = hold.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let (Ok(_), Some(hold)) = (removed, hold) {
                        hold.gone();
                    }
                })
            }),
        );
        is_gone.load(Ordering::Acquire)
    }

    /// From now on, dropping this does not remove it.
    pub(super) fn disarm(&self) {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hold) = hold {
            hold.gone();
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.remove_in_background();
    }
}

/// Whether others need it after the container of the environment is gone. Then the last of them
/// finds no container of this environment.
async fn needed_by_others(docker: &Docker, id: &str, others: &Weak<()>) -> Result<bool> {
    if others.strong_count() > 0 {
        owned_image::until_no_container(docker, id, Instant::now()).await?;
    }
    Ok(others.strong_count() > 0)
}

/// Removes a network or volume with this ID in a label, or an image; returns whether there was one.
/// An image that others use is noted in the state directory.
pub(super) async fn remove(
    docker: &Docker,
    kind: Kind,
    name: &str,
    id: &str,
    state: Option<&StateDirectory>,
) -> Result<bool> {
    match kind {
        Kind::Network => owned_network::remove(docker, name, id).await,
        Kind::Volume => remove_volume(docker, name, id).await,
        Kind::Container => remove_container(docker, name, id).await,
        Kind::Image => owned_image::remove(docker, name, id, state).await,
    }
}

async fn remove_volume(docker: &Docker, name: &str, id: &str) -> Result<bool> {
    let began = Instant::now();
    loop {
        if is_busy(name) && began.elapsed() < containers::RETRY_TIMEOUT {
            sleep(PAUSE).await;
            continue;
        }
        let volume = match docker.volumes().inspect(name).await {
            Ok(volume) => volume,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(to_error(error)),
        };
        if !labels::belongs_to(&volume.labels, id) {
            return Ok(false);
        }
        match docker.volumes().remove(name, RemoveVolume::default()).await {
            Ok(()) => {
                return match volume_directory::of_volume(&volume) {
                    Some(directory) if publish::is_local(docker) => {
                        volume_directory::remove(&directory).map(|()| true)
                    }
                    _ => Ok(true),
                };
            }
            Err(error) if error.is_not_found() => return Ok(true),
            // Its container is being removed, maybe by another process.
            Err(error) if error.is_conflict() && began.elapsed() < STILL_USED => sleep(PAUSE).await,
            Err(error) => return Err(to_error(error)),
        }
    }
}

async fn remove_container(docker: &Docker, name: &str, id: &str) -> Result<bool> {
    match docker
        .containers()
        .inspect(name, InspectContainer::default())
        .await
    {
        Ok(container) if labels::belongs_to(&container.config.labels, id) => {
            containers::remove(docker, name).await.map_err(to_error)?;
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(to_error(error)),
    }
}
