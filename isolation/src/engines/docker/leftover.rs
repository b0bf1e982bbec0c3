//! Removes what a process has left on the daemon.

use engine_api::containers::RunState;
use engine_api::volumes::RemoveVolume;

use super::diagnostics::to_error;
use super::{DockerEngine, labels, private_network, remove};
use crate::engine::Leftover;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::entry::Resource;

/// The kind of a volume that is noted in the journal.
const VOLUME: &str = "volume";

impl DockerEngine {
    /// Removes the containers of an environment, then its networks and volumes. The name *and* the
    /// label must match: others may have made a container from an image with our labels.
    pub(super) async fn remove_leftover(&self, leftover: Leftover<'_>) -> Result<bool> {
        let docker = self.docker().await?;
        let listed = self
            .containers(format!("{}={}", labels::ENVIRONMENT, leftover.id))
            .await?;
        let is_ours = |summary: EnvironmentSummary| summary.id == *leftover.id;
        let ours = listed
            .iter()
            .filter(|container| labels::read(container).is_some_and(is_ours));
        let mut found = false;
        for container in ours {
            found = true;
            if container.state == RunState::Paused {
                // Podman kills no paused container. Somebody else may have resumed or ended it.
                let _ = docker.containers().unpause(&container.id).await;
            }
            remove::remove(docker, &container.id).await.map_err(to_error)?;
        }
        for resource in leftover.resources {
            found |= self.remove_resource(leftover, resource).await?;
        }
        Ok(found)
    }

    /// Removes a volume or a network with the label of the environment.
    async fn remove_resource(&self, leftover: Leftover<'_>, resource: &Resource) -> Result<bool> {
        let docker = self.docker().await?;
        let (name, id) = (&resource.name, leftover.id.as_str());
        let labels = match resource.kind.as_str() {
            VOLUME => docker.volumes().inspect(name).await.map(|found| found.labels),
            private_network::NETWORK => return private_network::remove(docker, name, id).await,
            // Of a later version of this engine, which will remove it.
            other => {
                let text = format!("the {other} {name} is noted, which this version cannot remove");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        };
        let labels = match labels {
            Ok(labels) => labels,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(to_error(error)),
        };
        if labels.get(labels::ENVIRONMENT).is_none_or(|value| value != id) {
            return Ok(false);
        }
        match docker.volumes().remove(name, RemoveVolume::default()).await {
            Err(error) if !error.is_not_found() => Err(to_error(error)),
            _ => Ok(true),
        }
    }
}
