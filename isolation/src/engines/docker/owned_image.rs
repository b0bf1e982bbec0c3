//! Removes images with the state of an environment after their last use.

use engine_api::Docker;
use engine_api::connect::Address;
use engine_api::containers::ListContainers;
use engine_api::images::{InspectImage, RemoveImage};
use tokio::time::{Instant, sleep};

use super::busy::is_busy;
use super::diagnostics::to_error;
use super::owned_network::{PAUSE, STILL_USED};
use super::{NAME, labels, listed};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::directory::StateDirectory;
use crate::journal::left_image::LeftImage;

/// Removes an image, whose name is random. One of which other containers were made is left to
/// those: other forks, or containers of somebody else. Then it is noted in the state directory, for
/// the collection. This waits for a while for the container of the environment itself, which is
/// being removed.
pub(super) async fn remove(
    docker: &Docker,
    name: &str,
    id: &str,
    state: Option<&StateDirectory>,
) -> Result<bool> {
    let (began, mut is_alone) = (Instant::now(), false);
    let mut failed = false;
    loop {
        match docker.images().remove(name, RemoveImage::default()).await {
            Ok(_) => return forget(state, name).map(|()| true),
            Err(error) if error.is_not_found() => return forget(state, name).map(|()| false),
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
        // Before the last attempt, too: the process that removes the image after it removes the
        // note.
        note(docker, name, state)?;
        is_alone = true;
    }
}

fn note(docker: &Docker, name: &str, state: Option<&StateDirectory>) -> Result<()> {
    let address = docker.address();
    match state {
        Some(state) if address.parse::<Address>().is_ok() => state.note_image(&LeftImage {
            engine: NAME.to_owned(),
            address,
            image: name.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn forget(state: Option<&StateDirectory>, name: &str) -> Result<()> {
    state.map_or(Ok(()), |state| state.forget_image(name))
}

/// Waits for a while until the container of an environment is removed.
pub(super) async fn until_no_container(docker: &Docker, id: &str, began: Instant) -> Result<()> {
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

/// Whether containers in any state were made of an image; `None` if it does not exist.
pub(super) async fn is_used(docker: &Docker, name: &str) -> Result<Option<bool>> {
    let image = match docker.images().inspect(name, InspectImage::default()).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(to_error(error)),
    };
    let every = ListContainers {
        all: true,
        ..ListContainers::default()
    };
    let listed = docker.containers().list(every).await.map_err(to_error)?;
    let digest = |id: &str| id.trim_start_matches("sha256:").to_owned();
    let wanted = digest(&image.id);
    Ok(Some(listed.iter().any(|one| digest(&one.image_id) == wanted)))
}
