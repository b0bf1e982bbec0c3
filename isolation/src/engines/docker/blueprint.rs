//! How the container of an environment is made, and made anew if its first process cannot be
//! started as intended.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use engine_api::Docker;
use engine_api::containers::CreateContainer;
use engine_api::images::{Image, InspectImage};

use super::container::ContainerRef;
use super::container_config::{self, Parts};
use super::diagnostics::to_error;
use super::disk_limit::DiskLimit;
use super::guarded::create_guarded;
use super::mount_table::{MountTable, Way};
use super::options::DockerOptions;
use super::owner::{OwnerLink, SHELLS, Start, adjustments};
use super::{DockerSettings, files, networks, paths, publish, remove, within_container};
use crate::engine::NewEnvironment;
use crate::engine::context::Context;
use crate::engines::hardened;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::spec::main_process::Main;
use crate::spec::published_port::PublishedPort;
use crate::spec::security::SecurityProfile;
use crate::spec::{CopyIn, EnvironmentSpec};

/// Everything from which the container of an environment is made.
#[derive(Debug)]
pub(super) struct Blueprint {
    id: EnvironmentId,
    name: String,
    prefix: String,
    network_prefix: String,
    pub(super) image: String,
    pub(super) spec: EnvironmentSpec,
    /// The address of the host on which ports are published by default.
    address: IpAddr,
    /// Whether that address is known from the settings.
    address_is_set: bool,
    podman: bool,
    start_interval: bool,
    disk: DiskLimit,
    /// The link that the environment asks for.
    wanted: OwnerLink,
    /// The variables and the working directory of the image, once they are known.
    image_facts: Mutex<Option<ImageFacts>>,
    start: Mutex<Start>,
}

/// The settings that a container takes over from its image.
#[derive(Debug, Clone, Default)]
pub(super) struct ImageFacts {
    pub(super) env: BTreeMap<String, String>,
    pub(super) working_dir: String,
    pub(super) user: String,
    /// The ports that it declares.
    ports: Vec<PublishedPort>,
}

impl ImageFacts {
    fn of(image: &Image) -> Self {
        let config = image.config.clone().unwrap_or_default();
        let pairs = config.env.iter().filter_map(|entry| entry.split_once('='));
        Self {
            env: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            working_dir: config.working_dir,
            user: config.user,
            ports: config
                .exposed_ports
                .iter()
                .filter_map(|port| port.parse().ok())
                .collect(),
        }
    }
}

impl Blueprint {
    pub(super) fn new(
        docker: &Docker,
        new: NewEnvironment<'_>,
        spec: EnvironmentSpec,
        (podman, start_interval): (bool, bool),
        disk: DiskLimit,
        settings: &DockerSettings,
    ) -> Result<Self> {
        let wanted = OwnerLink::of(docker, &spec);
        let options = DockerOptions::of(&spec)?;
        if let Some(other) = spec.network.shares_with() {
            networks::shared::check(&options, other)?;
        }
        Ok(Self {
            id: new.id.clone(),
            name: new.name.to_owned(),
            prefix: settings.container_prefix.clone(),
            network_prefix: settings.network_prefix.clone(),
            image: settings.image_of(&spec),
            spec,
            address: publish::default_address(docker, settings.published_host.as_deref()),
            address_is_set: settings.published_host.is_some(),
            podman,
            start_interval,
            disk,
            wanted,
            image_facts: Mutex::default(),
            start: Mutex::new(Start::first(wanted, options.init)),
        })
    }

    /// Finds the address on which ports are published by default.
    pub(super) async fn find_address(&mut self, docker: &Docker) {
        if self.spec.network.publishes() && !self.address_is_set {
            let host = within_container::host_address(docker).await;
            self.address = host.unwrap_or(self.address);
        }
    }

    pub(super) fn start(&self) -> Start {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link to the owner that the container has.
    pub(super) fn link(&self) -> OwnerLink {
        self.wanted.with(self.start(), &self.spec.main)
    }

    /// Uses an image that the daemon has, by this name.
    pub(super) fn use_image(&mut self, name: &str, image: Option<&Image>) {
        name.clone_into(&mut self.image);
        *self.image_facts.get_mut().unwrap_or_else(PoisonError::into_inner) = image.map(ImageFacts::of);
    }

    /// The name of a container beside that of the environment. It ends with the ID, too.
    pub(super) fn probe_name(&self) -> String {
        format!("{}probe-{}", self.prefix, self.id)
    }

    pub(super) fn image_facts(&self) -> Option<ImageFacts> {
        self.image_facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The container. A command that a shell starts needs the variables of the image, and the
    /// hardened profile its user: they are read first.
    pub(super) async fn container(&self, docker: &Docker) -> engine_api::Result<Result<CreateContainer>> {
        let publishes_all = self.spec.network.publish_all;
        let needed = self.link() == OwnerLink::Watcher || self.may_be_nobody() || publishes_all;
        if needed && self.image_facts().is_none() {
            let inspected = docker
                .images()
                .inspect(&self.image, InspectImage::default())
                .await?;
            let facts = ImageFacts::of(&inspected);
            *self.image_facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
        }
        let mut body = self.body();
        if let Ok(container) = &mut body {
            // As the docker command does.
            docker.proxy_variables().add_to(&mut container.env);
            if let Some(other) = self.spec.network.shares_with() {
                if let Err(error) = networks::shared::join(docker, &self.prefix, other, container).await {
                    return Ok(Err(error));
                }
            }
        }
        Ok(body)
    }

    /// Whether the user depends on that of the image.
    fn may_be_nobody(&self) -> bool {
        self.spec.user.is_none() && self.spec.security.profile == SecurityProfile::Hardened
    }

    /// The user of the container; empty is that of the image.
    fn user(&self) -> String {
        let of_image = self.image_facts().map(|facts| facts.user);
        let is_root = |user: String| hardened::is_root(&user);
        match &self.spec.user {
            Some(user) => user.clone(),
            None if self.may_be_nobody() && of_image.is_none_or(is_root) => hardened::NOBODY.to_owned(),
            None => String::new(),
        }
    }

    /// The variables of the main process, as far as they are known.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut known = self.image_facts().unwrap_or_default().env;
        let of_command = match &self.spec.main {
            Main::Command(command) => Some(&command.env),
            Main::Idle | Main::Image | Main::Arguments(_) => None,
        };
        for (name, value) in [Some(&self.spec.env), of_command].into_iter().flatten().flatten() {
            known.insert(name.clone(), value.clone());
        }
        known
    }

    /// The container, with what is known.
    pub(super) fn body(&self) -> Result<CreateContainer> {
        let user = self.user();
        let parts = Parts {
            id: &self.id,
            name: &self.name,
            prefix: &self.prefix,
            network_prefix: &self.network_prefix,
            image: &self.image,
            start: self.start(),
            link: self.link(),
            address: self.address,
            podman: self.podman,
            start_interval: self.start_interval,
            disk: self.disk,
            user: &user,
            adjustments: adjustments(&self.variables()),
        };
        match self.spec.network.publish_all {
            true => container_config::container(parts, &self.publishing_all()?),
            false => container_config::container(parts, &self.spec),
        }
    }

    /// The specification with the ports that the image declares.
    fn publishing_all(&self) -> Result<EnvironmentSpec> {
        let mut spec = self.spec.clone();
        for port in self.image_facts().unwrap_or_default().ports {
            let same = |other: &PublishedPort| (other.port, other.protocol) == (port.port, port.protocol);
            if !spec.network.ports.iter().any(same) {
                spec.network.ports.push(port);
            }
        }
        match spec.network.ports.is_empty() {
            true => Err(Error::invalid(format!(
                "the image {} declares no ports; name the ports to publish",
                self.image
            ))),
            false => Ok(spec),
        }
    }

    /// Chooses the next way to start the first process; `false` after the last way.
    pub(super) fn next(&self, failed: Failed) -> bool {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Failed::Init if start.init => start.init = false,
            Failed::Init => return false,
            Failed::Log if start.names_log => return false,
            Failed::Log => start.names_log = true,
            Failed::Shell => {
                start.shell = match (start.shell, &self.spec.main) {
                    (None, _) => return false,
                    (Some(tried), Main::Idle) => {
                        let at = SHELLS.iter().position(|shell| *shell == tried);
                        let Some(next) = at.and_then(|at| SHELLS.get(at + 1)) else {
                            return false;
                        };
                        Some(next)
                    }
                    // A command runs without a shell, too.
                    (Some(_), _) => None,
                };
            }
        }
        true
    }

    /// Removes the container, and makes it anew under the same name.
    ///
    /// The removal of a container that is dropped meanwhile may find none: then a guard of its own
    /// removes the new one.
    pub(super) async fn recreate(
        &self,
        container: &ContainerRef,
        working_dir: &str,
        context: &Context,
    ) -> Result<()> {
        let docker = &container.docker;
        let removed = remove::remove_made(docker, container.id(), &container.made_id).await;
        removed.map_err(to_error)?;
        let body = self.container(docker).await.map_err(to_error)??;
        let created = create_guarded(docker, body, context).await?;
        let (mut guard, _) = created.map_err(to_error)?;
        guard.disarm();
        container.made_id.set(guard.made_id().get());
        // Somebody may have renamed the first one.
        container.name.change(guard.container());
        networks::join::join(container, &self.spec.network).await?;
        self.copy_in(container, working_dir).await
    }

    /// The link cannot be established: the image has no shell.
    pub(super) fn give_up_link(&self) {
        self.start.lock().unwrap_or_else(PoisonError::into_inner).shell = None;
    }

    /// The copies of the specification to places that only the running container has.
    pub(super) fn late_copies(&self, working_dir: &str) -> Result<Vec<CopyIn>> {
        let mounts = MountTable::new(&self.spec.mounts);
        let mut late = Vec::new();
        for copy in &self.spec.copies {
            let target = paths::resolve(working_dir, &copy.target)?;
            if mounts.way_in(&target, &CopySource::Path(copy.source.clone()))? == Way::Command {
                late.push(copy.clone());
            }
        }
        Ok(late)
    }

    /// Makes the other copies of the specification. The container need not run for that.
    pub(super) async fn copy_in(&self, container: &ContainerRef, working_dir: &str) -> Result<()> {
        let mounts = MountTable::new(&self.spec.mounts);
        for copy in &self.spec.copies {
            let source = CopySource::Path(copy.source.clone());
            let target = paths::resolve(working_dir, &copy.target)?;
            if mounts.way_in(&target, &source)? == Way::Daemon {
                files::copy_in(container, &mounts, source, &target).await?;
            }
        }
        Ok(())
    }
}

/// A need of the first process that a container does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The init program of the daemon.
    Init,
    /// The shell of the image.
    Shell,
    /// A log with the default driver of the daemon.
    Log,
}
