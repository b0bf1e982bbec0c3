//! Removes what a process has left on the daemon.

use std::path::Path;

use engine_api::Docker;
use engine_api::containers::RunState;
use engine_api::networks::ListNetworks;
use engine_api::volumes::ListVolumes;

use super::diagnostics::to_error;
use super::owned::{self, Kind};
use super::{DockerEngine, dependents, labels, listed, publish, remove, volume_directory};
use crate::engine::Leftover;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::entry::Resource;

impl DockerEngine {
    /// Removes the containers of an environment, then its networks and volumes. Others may have
    /// made a container from an image with our labels: that one stays.
    pub(super) async fn remove_leftover(&self, leftover: Leftover<'_>) -> Result<bool> {
        let docker = self.docker().await?;
        let prefix = &self.settings.container_prefix;
        let mut found = false;
        for one in listed::of_environment(docker, prefix, leftover.id.as_str()).await? {
            let container = one.container;
            found = true;
            if container.state == RunState::Paused {
                // Podman kills no paused container. Somebody else may have resumed or ended it.
                let _ = docker.containers().unpause(&container.id).await;
            }
            if let Err(error) = remove::remove(docker, &container.id).await {
                return Err(dependents::removal_error(docker, error).await);
            }
        }
        for resource in leftover.resources {
            found |= self.remove_resource(leftover, resource).await?;
        }
        Ok(found)
    }

    /// The networks and volumes with the label of an environment.
    pub(super) async fn labelled_resources(&self, id: &EnvironmentId) -> Result<Vec<Resource>> {
        let docker = self.docker().await?;
        let label = format!("{}={id}", labels::ENVIRONMENT);
        let networks = ListNetworks {
            label: [label.as_str()].into(),
            ..ListNetworks::default()
        };
        let networks = docker.networks().list(networks).await.map_err(to_error)?;
        let volumes = ListVolumes {
            label: [label.as_str()].into(),
            ..ListVolumes::default()
        };
        let volumes = docker.volumes().list(volumes).await.map_err(to_error)?.volumes;
        let networks = networks
            .into_iter()
            .map(|one| Resource::new(Kind::Network.as_str(), one.name));
        let volumes = volumes
            .into_iter()
            .map(|one| Resource::new(Kind::Volume.as_str(), one.name));
        Ok(networks.chain(volumes).collect())
    }

    /// Removes a volume or a network with the label of the environment.
    async fn remove_resource(&self, leftover: Leftover<'_>, resource: &Resource) -> Result<bool> {
        match Kind::of(&resource.kind) {
            Some(kind) => {
                let (docker, name) = (self.docker().await?, &resource.name);
                let state = leftover.context.journal().directory();
                let found = owned::remove(docker, kind, name, leftover.id.as_str(), state).await?;
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
