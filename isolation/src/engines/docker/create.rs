//! Creates environments, so that nothing is left behind if that fails at any point, and opens them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use engine_api::Docker;
use engine_api::containers::{Container, ContainerCreated, CreateContainer, InspectContainer};

use super::command_shell::CommandShells;
use super::container::ContainerRef;
use super::container_config::Parts;
use super::daemon::DaemonInfo;
use super::diagnostics::to_error;
use super::images::{self, PullPolicy};
use super::instance::DockerInstance;
use super::remove::Guard;
use super::shell_program::ShellProgram;
use super::{DockerEngine, NAME, container_config, labels, limits, ports, shell_program};
use crate::engine::context::Context;
use crate::engine::instance::{Files, Instance};
use crate::engine::{NewEnvironment, Opened};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;
use crate::spec::mount::MountSource;
use crate::spec::network::NetworkMode;

impl DockerEngine {
    pub(super) async fn make(&self, new: NewEnvironment<'_>) -> Result<DockerInstance> {
        let (docker, daemon) = (self.docker().await?, self.daemon().await?);
        let spec = &EnvironmentSpec {
            limits: new.spec.limits.or(&self.settings.limits),
            ..new.spec.clone()
        };
        let image = spec.image.as_ref().unwrap_or(&self.settings.image);
        let parts = Parts {
            id: new.id,
            name: new.name,
            prefix: &self.settings.prefix,
            image,
            has_init: daemon.has_init(),
            address: ports::default_address(docker),
            podman: daemon.podman,
        };
        let body = container_config::container(parts, spec)?;
        check_volumes(docker, spec).await?;
        if let (NetworkMode::Named(network), false) = (&spec.network.mode, spec.network.ports.is_empty()) {
            ports::check_network(docker, network).await?;
        }
        let guard = self.create_container(docker, body, new).await?;
        let made = match verified(docker, guard.container(), spec).await {
            Ok(made) => made,
            Err(error) => {
                guard.remove().await;
                return Err(error);
            }
        };
        let shells = self.settings.command_shells;
        let instance = instance(docker, daemon, shells, &made, spec, guard);
        if let Err(error) = copy_in(&instance, spec).await {
            // The drop cannot await; this can, so it also reports errors of the removal.
            let _ = instance.destroy().await;
            return Err(error);
        }
        Ok(instance)
    }

    /// Opens the environment with this ID, created by any process.
    pub(super) async fn find(&self, id: &EnvironmentId, context: &Context) -> Result<Opened> {
        let (docker, daemon) = (self.docker().await?, self.daemon().await?);
        let listed = self.containers(format!("{}={id}", labels::ENVIRONMENT)).await?;
        let ours = listed
            .iter()
            .find(|container| labels::read(container).is_some_and(|summary| summary.id == *id));
        let absent = || Error::not_found("the daemon has no environment with this ID");
        let container = ours.ok_or_else(absent)?;
        let containers = docker.containers();
        let inspected = containers
            .inspect(&container.id, InspectContainer::default())
            .await;
        let found = inspected.map_err(|error| {
            if error.is_not_found() {
                absent()
            } else {
                to_error(error)
            }
        })?;
        let (name, spec) = labels::read_spec(&found.config)?;
        let guard = Guard::disarmed(docker, &found.id, context.journal());
        let shells = self.settings.command_shells;
        Ok(Opened {
            name,
            status: labels::status(&found.state.status),
            instance: Box::new(instance(docker, daemon, shells, &found, &spec, guard)),
            spec,
        })
    }

    /// Creates the container, and pulls the image first if that is needed and allowed.
    async fn create_container(
        &self,
        docker: &Docker,
        body: CreateContainer,
        new: NewEnvironment<'_>,
    ) -> Result<Guard> {
        let (image, policy) = (body.image.clone(), self.settings.policy);
        let platform = body.platform.clone();
        let pull = || images::pull(docker, &image, platform.as_deref(), new.context);
        if policy == PullPolicy::Always {
            pull().await?;
        }
        match create_guarded(docker, body.clone(), new.context).await? {
            Ok(guard) => return Ok(guard),
            Err(error) if !images::is_missing(&error) => return Err(to_error(error)),
            Err(_) if policy == PullPolicy::Never => return Err(images::missing(&image)),
            Err(_) => pull().await?,
        }
        create_guarded(docker, body, new.context).await?.map_err(to_error)
    }
}

/// The daemon would create a volume that does not exist, and it would stay for ever.
async fn check_volumes(docker: &Docker, spec: &EnvironmentSpec) -> Result<()> {
    for mount in &spec.mounts {
        let MountSource::Volume(name) = &mount.source else {
            continue;
        };
        match docker.volumes().inspect(name).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                let why = format!("the volume {name} does not exist; create it: docker volume create {name}");
                return Err(Error::not_found(why));
            }
            Err(error) => return Err(to_error(error)),
        }
    }
    Ok(())
}

/// Makes the copies of the specification. The container need not run for that.
async fn copy_in(instance: &DockerInstance, spec: &EnvironmentSpec) -> Result<()> {
    for copy in &spec.copies {
        let source = CopySource::Path(copy.source.clone());
        Files::copy_in(instance, source, &copy.target).await?;
    }
    Ok(())
}

fn instance(
    docker: &Docker,
    daemon: &DaemonInfo,
    shells: bool,
    made: &Container,
    spec: &EnvironmentSpec,
    guard: Guard,
) -> DockerInstance {
    let container = ContainerRef {
        docker: docker.clone(),
        id: made.id.clone(),
        name: made.plain_name().to_owned(),
        podman: daemon.podman,
        shell: ShellProgram::new(made.config.env.iter().map(String::as_str)),
    };
    DockerInstance {
        shells: shells.then(|| CommandShells::new(container.clone(), daemon.idle_shells())),
        container,
        image: made.config.image.clone(),
        has_main: spec.main != Main::Idle,
        memory_limit: spec.limits.memory,
        published: spec.network.ports.clone(),
        working_dir: format!("/{}", made.config.working_dir.trim_matches('/')),
        lost_env: lost(made),
        guard: Mutex::new(guard),
    }
}

/// Creates a container, with a guard that exists before the request is sent.
///
/// A task completes the call, so that a container is known and removed even if the caller is
/// dropped and the reply comes late. If the task is dropped too, the guard looks for the container
/// by name.
async fn create_guarded(
    docker: &Docker,
    body: CreateContainer,
    context: &Context,
) -> Result<engine_api::Result<Guard>> {
    let (docker, journal) = (docker.clone(), context.journal().clone());
    let creating = tokio::spawn(async move {
        let mut guard = Guard::expecting(&docker, body.name.as_deref().unwrap_or_default(), &journal);
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
        .filter(|(name, _)| shell_program::is_lost(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
