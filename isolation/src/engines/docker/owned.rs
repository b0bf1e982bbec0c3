//! Networks and volumes that are removed after their last use: those of one environment,
//! and those that a test has created for several.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use engine_api::Docker;
use engine_api::containers::InspectContainer;
use engine_api::images::RemoveImage;
use engine_api::volumes::RemoveVolume;
use tokio::time::{Instant, sleep};

use super::busy::is_busy;
use super::cleanup;
use super::diagnostics::to_error;
use super::owned_network::{self, PAUSE, STILL_USED};
use super::{NAME, labels, listed, publish, remove as containers, volume_directory};
use crate::creator::Creator;
use crate::environment::end_timeout::{answered, drop_limit};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::entry::Resource;
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
            Self::Image => "image",
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
        Ok(owned)
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
        }
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
            remove(&self.docker, self.kind, &self.name, &self.id).await?;
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
        let others = self.others.clone();
        let (hold, gone) = (Arc::new(Mutex::new(Some(hold))), Arc::new(AtomicBool::new(false)));
        let is_gone = Arc::clone(&gone);
        // As long as for a container: it may be that of one which is being removed.
        cleanup::run_within(
            containers::RETRY_TIMEOUT,
            Arc::new(move || {
                let (docker, name, id) = (docker.clone(), name.clone(), id.clone());
                let others = others.clone();
                let (hold, gone) = (Arc::clone(&hold), Arc::clone(&gone));
                let limit = limit.saturating_sub(began.elapsed());
                Box::pin(async move {
                    let removal = remove_unshared(&docker, kind, &name, &id, &others);
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

/// Removes it, unless others need it after the container of the environment is gone.
async fn remove_unshared(
    docker: &Docker,
    kind: Kind,
    name: &str,
    id: &str,
    others: &Weak<()>,
) -> Result<bool> {
    if others.strong_count() > 0 {
        until_no_container(docker, id, Instant::now()).await?;
    }
    match others.strong_count() {
        0 => remove(docker, kind, name, id).await,
        // The last of them finds no container of this environment.
        _ => Ok(false),
    }
}

/// Removes a network or volume with this ID in a label, or an image; returns whether there was one.
pub(super) async fn remove(docker: &Docker, kind: Kind, name: &str, id: &str) -> Result<bool> {
    match kind {
        Kind::Network => owned_network::remove(docker, name, id).await,
        Kind::Volume => remove_volume(docker, name, id).await,
        Kind::Container => remove_container(docker, name, id).await,
        Kind::Image => remove_image(docker, name, id).await,
    }
}

/// Removes an image, whose name is random. One of which other containers were made is left to
/// those: other forks, or containers of somebody else. This waits for a while for the container of
/// the environment itself, which is being removed.
async fn remove_image(docker: &Docker, name: &str, id: &str) -> Result<bool> {
    let (began, mut is_alone) = (Instant::now(), false);
    let mut failed = false;
    loop {
        match docker.images().remove(name, RemoveImage::default()).await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) if error.is_conflict() => {}
            // Podman has this status for an image that is being removed by another call.
            Err(error) if error.status() == Some(500) && !failed => {
                failed = true;
                sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(to_error(error)),
        }
        // Asked before the last attempt: of two containers that end at the same time, the removal
        // of at least one of their images comes after both.
        if is_alone {
            return Ok(false);
        }
        until_no_container(docker, id, began).await?;
        is_alone = true;
    }
}

/// Waits for a while until the container of an environment is removed.
async fn until_no_container(docker: &Docker, id: &str, began: Instant) -> Result<()> {
    while has_container(docker, id).await? {
        if began.elapsed() >= STILL_USED && !is_busy(id) {
            let why = "its image is used by its container, which is not removed yet";
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether the container of an environment exists.
async fn has_container(docker: &Docker, id: &str) -> Result<bool> {
    let label = format!("{}={id}", labels::ENVIRONMENT);
    Ok(!listed::every_with_label(docker, label).await?.is_empty())
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
