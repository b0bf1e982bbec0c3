//! Removes what a process has left on the daemon.

use std::path::Path;

use engine_api::Docker;
use engine_api::containers::{ContainerFilters, ContainerSummary, ListContainers, RunState};

use super::diagnostics::to_error;
use super::owned::{self, Kind};
use super::{DockerEngine, labels, publish, remove, volume_directory};
use crate::engine::Leftover;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::entry::Resource;

impl DockerEngine {
    /// The containers with a label, in any state.
    pub(super) async fn containers(&self, label: String) -> Result<Vec<ContainerSummary>> {
        let filters = ContainerFilters {
            label: [label].into(),
            ..ContainerFilters::default()
        };
        let options = ListContainers {
            all: true,
            filters,
            ..ListContainers::default()
        };
        let listed = self.docker().await?.containers().list(options).await;
        listed.map_err(to_error)
    }

    /// Removes the containers of an environment, then its networks and volumes. The name *and* the
    /// label must match: others may have made a container from an image with our labels.
    pub(super) async fn remove_leftover(&self, leftover: Leftover<'_>) -> Result<bool> {
        let docker = self.docker().await?;
        let listed = self
            .containers(format!("{}={}", labels::ENVIRONMENT, leftover.id))
            .await?;
        let is_ours = |summary: EnvironmentSummary| summary.id == *leftover.id;
        let ours = listed.iter().filter(|container| {
            labels::read(container, &self.settings.container_prefix).is_some_and(is_ours)
        });
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
        match Kind::of(&resource.kind) {
            Some(kind) => {
                let (docker, name) = (self.docker().await?, &resource.name);
                let found = owned::remove(docker, kind, name, leftover.id.as_str()).await?;
                if kind == Kind::Volume && !found {
                    self.remove_volume_directory(docker, name).await?;
                }
                Ok(found)
            }
            // Of a later version of this engine, which will remove it.
            None => {
                let (kind, name) = (&resource.kind, &resource.name);
                let text = format!("the {kind} {name} is noted, which this version cannot remove");
                Err(Error::new(ErrorKind::Unsupported, text))
            }
        }
    }

    /// Removes the directory of a volume whose owner was killed before the volume existed, or after
    /// its removal.
    async fn remove_volume_directory(&self, docker: &Docker, name: &str) -> Result<()> {
        let base = self.settings.volume_base_path.as_deref();
        let Some(base) = base.filter(|_| publish::is_local(docker)) else {
            return Ok(());
        };
        match docker.volumes().inspect(name).await {
            Err(error) if error.is_not_found() => volume_directory::remove_left(Path::new(base), name),
            Err(error) => Err(to_error(error)),
            // It is a volume of somebody else.
            Ok(_) => Ok(()),
        }
    }
}
