//! Creates an environment, so that nothing is left behind if it fails at any point.

use std::collections::BTreeMap;
use std::sync::Mutex;

use engine_api::Docker;
use engine_api::containers::{Container, ContainerCreated, CreateContainer, InspectContainer};

use super::command_shell::CommandShells;
use super::container::ContainerRef;
use super::diagnostics::to_error;
use super::images::{self, PullPolicy};
use super::instance::DockerEnvironment;
use super::remove::Guard;
use super::{DockerEngine, NAME, container_config, exec, limits};
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::environment::status::StatusCell;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

impl DockerEngine {
    pub(super) async fn make(&self, spec: EnvironmentSpec) -> Result<DockerEnvironment> {
        let (docker, daemon) = (self.docker().await?, self.daemon().await?);
        daemon.capabilities().check(NAME, &spec.required_features())?;
        let id = EnvironmentId::random();
        let name = spec.name.clone();
        let name = name.unwrap_or_else(|| format!("{NAME}-{}", id.short()));
        let image = spec.image.as_ref().unwrap_or(&self.settings.image).clone();
        let container = self.container_name(&id, &spec);
        let body = container_config::container(&id, &name, container, &image, &spec)?;
        let guard = self.create_container(docker, body).await?;
        let made = match verified(docker, guard.container(), &spec).await {
            Ok(made) => made,
            Err(error) => {
                guard.remove().await;
                return Err(error);
            }
        };
        let container_ref = ContainerRef {
            docker: docker.clone(),
            id: made.id.clone(),
            podman: daemon.podman,
        };
        let shells = self.settings.command_shells;
        let environment = DockerEnvironment {
            id,
            shells: shells.then(|| CommandShells::new(container_ref.clone())),
            name,
            image,
            container: container_ref,
            working_dir: format!("/{}", made.config.working_dir.trim_matches('/')),
            lost_env: lost(&made),
            status: StatusCell::default(),
            guard: Mutex::new(guard),
            spec,
        };
        if let Err(error) = environment.bring_in_copies().await {
            // The drop cannot await; this can, so it also reports errors of the removal.
            let _ = environment.destroy().await;
            return Err(error);
        }
        Ok(environment)
    }

    /// A name that is readable and unique.
    fn container_name(&self, id: &EnvironmentId, spec: &EnvironmentSpec) -> String {
        let prefix = &self.settings.prefix;
        match &spec.name {
            Some(name) => format!("{prefix}{name}_{id}"),
            None => format!("{prefix}{id}"),
        }
    }

    /// Creates the container, and pulls the image first if that is needed and allowed.
    async fn create_container(&self, docker: &Docker, body: CreateContainer) -> Result<Guard> {
        let (image, policy) = (body.image.clone(), self.settings.policy);
        let pull = || images::pull(docker, &image, self.settings.observer.as_ref());
        if policy == PullPolicy::Always {
            pull().await?;
        }
        match create_guarded(docker, body.clone()).await? {
            Ok(guard) => return Ok(guard),
            Err(error) if !images::is_missing(&error) => return Err(to_error(error)),
            Err(_) if policy == PullPolicy::Never => return Err(images::missing(&image)),
            Err(_) => pull().await?,
        }
        create_guarded(docker, body).await?.map_err(to_error)
    }
}

/// Creates a container, with a guard that exists before the request is sent.
///
/// A task completes the call, so that a container is known and removed even if the caller is
/// dropped and the reply comes late. If the task is dropped too, the guard looks for the container
/// by name.
async fn create_guarded(docker: &Docker, body: CreateContainer) -> Result<engine_api::Result<Guard>> {
    let docker = docker.clone();
    let creating = tokio::spawn(async move {
        let mut guard = Guard::expecting(&docker, body.name.as_deref().unwrap_or_default());
        let created: engine_api::Result<ContainerCreated> = docker.containers().create(body).await;
        match created {
            Ok(created) => {
                guard.made(created.id);
                Ok(guard)
            }
            Err(error) => {
                // A daemon that replied with an error has created nothing.
                if error.status().is_some() {
                    guard.disarm();
                }
                Err(error)
            }
        }
    });
    creating.await.map_err(|ended| Error::engine(NAME, ended))
}

/// The new container, after a check that it has all requested limits.
async fn verified(docker: &Docker, container: &str, spec: &EnvironmentSpec) -> Result<Container> {
    let containers = docker.containers();
    let inspected = containers.inspect(container, InspectContainer::default()).await;
    let made = inspected.map_err(to_error)?;
    match limits::dropped(&spec.limits, &made) {
        dropped if dropped.is_empty() => Ok(made),
        dropped => Err(Error::unsupported(NAME, dropped)),
    }
}

/// The environment variables of a container and its image that a shell would lose.
fn lost(container: &Container) -> BTreeMap<String, String> {
    let pairs = container
        .config
        .env
        .iter()
        .filter_map(|entry| entry.split_once('='));
    pairs
        .filter(|(name, _)| exec::is_lost(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
