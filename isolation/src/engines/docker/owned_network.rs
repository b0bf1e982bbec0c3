//! Removes networks after their last use.

use std::time::Duration;

use engine_api::Docker;
use engine_api::networks::{DisconnectNetwork, InspectNetwork, Network};
use tokio::time::{Instant, sleep};

use super::busy::is_busy;
use super::diagnostics::to_error;
use super::labels;
use crate::error::{Error, ErrorKind, Result};

/// How long a removal waits for containers that somebody else may be removing.
pub(super) const STILL_USED: Duration = Duration::from_secs(10);

pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Waits for a while until no container but `own` is on the network: without it, another
/// environment could not reach its neighbours, nor start again.
pub(super) async fn until_unused(docker: &Docker, name: &str, own: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        let networks = docker.networks();
        let network = match networks.inspect(name, InspectNetwork::default()).await {
            Ok(network) => network,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(to_error(error)),
        };
        let mut others = users(&network);
        others.retain(|name| *name != own);
        if others.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= STILL_USED {
            return Err(used(name, &others));
        }
        disconnect_missing(docker, &network).await;
        sleep(PAUSE).await;
    }
}

/// Removes a network with this ID in a label; returns whether there was one. This waits for
/// containers on it that are being removed.
pub(super) async fn remove(docker: &Docker, name: &str, id: &str) -> Result<bool> {
    let began = Instant::now();
    loop {
        let networks = docker.networks();
        let network = match networks.inspect(name, InspectNetwork::default()).await {
            Ok(network) => network,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(to_error(error)),
        };
        if !labels::belongs_to(&network.labels, id) {
            return Ok(false);
        }
        match networks.remove(&network.id).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_not_found() => return Ok(true),
            // Docker replies with 403 if the network is used, Podman with 409 or 500.
            Err(error)
                if began.elapsed() >= STILL_USED && !users(&network).into_iter().any(is_busy)
                    || !matches!(error.status(), Some(403 | 409 | 500)) =>
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
