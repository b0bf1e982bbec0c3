//! Creates environments, so that nothing is left behind if that fails at any point, and opens them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use engine_api::Docker;
use engine_api::common::EnvList;
use engine_api::containers::InspectContainer;

use super::blueprint::Blueprint;
use super::command_shell::{CommandShells, Marks};
use super::container::ContainerRef;
use super::container_config::container_name;
use super::daemon::{self, DaemonInfo};
use super::diagnostics::to_error;
use super::disk_limit::DiskLimit;
use super::images::PullPolicy;
use super::instance::DockerInstance;
use super::launch::{Launcher, Made};
use super::mount_table::MountTable;
use super::options::DockerOptions;
use super::owned::{Kind, Owned};
use super::owner::{OwnerConnection, is_local};
use super::provision::LookedFor;
use super::remove::Guard;
use super::resolve::check_subpaths;
use super::shell_program::ShellProgram;
use super::snapshot::Prepared;
use super::steps::Steps;
use super::{
    DockerEngine, NAME, health, labels, limits, listed, mount_sources, networks, profile, shell_program,
};
use crate::engine::capabilities::MissingFeature;
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::engine::{NewEnvironment, Opened};
use crate::engines::hardened;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Step, Subject};
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::limits::ResourceLimits;
use crate::spec::main_process::Main;
use crate::spec::network::NetworkMode;

impl DockerEngine {
    /// Creates an environment; `prepared` is what was made for it before.
    pub(super) async fn make(&self, new: NewEnvironment<'_>, prepared: Prepared) -> Result<DockerInstance> {
        let docker = self.docker().await?;
        let podman = self.podman(docker).await?;
        let mut spec = EnvironmentSpec {
            limits: self.limits(new).await?,
            ..new.spec.clone()
        };
        prepared.fill(&mut spec);
        let names_taken = self.resolve_names(docker, new.id, &mut spec).await?;
        hardened::fill_in(&mut spec);
        let own = self.own_limits(new);
        if own.cpus.is_some() || own.cpuset_cpus.is_some() {
            let cpus = self.daemon().await?.cpus();
            limits::check_cpus(&new.spec.limits, cpus)?;
        }
        profile::check_gpus(&spec.security, podman)?;
        let disk = self.disk_limit(docker, new, &spec).await?;
        check_subpaths(docker, &spec).await?;
        let start_interval = docker.version().await.map_err(to_error)? >= health::START_INTERVAL;
        let kind = (podman, start_interval);
        let mut blueprint = Blueprint::new(docker, new, spec, kind, disk, &self.settings)?;
        blueprint.find_address(docker).await;
        let spec = &blueprint.spec;
        if DockerOptions::of(spec)?.init == Some(true) && !self.daemon().await?.has_init() {
            let text = "the daemon has no init program; remove the option init";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let subject = Subject::Environment {
            id: new.id.clone(),
            name: new.name.to_owned(),
            engine: NAME.to_owned(),
        };
        let steps = Steps::new(self.work(docker), new.context, subject.clone());
        names_taken.iter().for_each(|message| steps.warn(message));
        let pull = match prepared.image {
            Some(_) => PullPolicy::Never,
            None => self.pull_policy(spec)?,
        };
        let known = new.ahead.and_then(|ahead| ahead.downcast_ref::<LookedFor>());
        self.provide_image(docker, &mut blueprint, (pull, known), new.context)
            .await?;
        let spec = &blueprint.spec;
        let network = match spec.network.mode {
            NetworkMode::Private => {
                let name = container_name(&self.settings.network_prefix, new.id, spec);
                let creating = Box::pin(self.create_private_network(docker, &name, new));
                Some(steps.run(Step::Network, creating).await?)
            }
            _ => None,
        };
        let own_networks = match new.spec.network.own.is_empty() {
            true => networks::OwnNetworks::new(),
            false => {
                let creating = Box::pin(self.create_own_networks(docker, new));
                steps.run(Step::Network, creating).await?
            }
        };
        let (guard, warnings) = self.create_container(docker, &mut blueprint, new, &steps).await?;
        let spec = &blueprint.spec;
        let is_inspected = own != ResourceLimits::default() || !self.trusts_defaults(docker, new);
        let looked = look(
            docker,
            guard.container(),
            &blueprint,
            (&warnings, is_inspected),
            |dropped| self.accept(dropped, new),
        );
        let checked = async {
            let found = looked.await?;
            mount_sources::check(docker, guard.container(), spec).await?;
            Ok(found)
        };
        let found = match Box::pin(checked).await {
            Ok(found) => found,
            Err(error) => {
                guard.remove().await;
                return Err(error);
            }
        };
        let container = ContainerRef {
            docker: docker.clone(),
            name: guard.name(),
            made_id: guard.made_id(),
            control_user: profile::control_user(spec),
            daemon: self.daemon.clone(),
            reported_kills: Arc::default(),
            podman,
            shell: ShellProgram::new(found.env.iter().map(String::as_str)),
        };
        let memory_limit = spec.limits.memory;
        let measured_disk = self.measured_disk(spec, disk != DiskLimit::Measured);
        let effective = spec.clone();
        for message in warnings {
            new.context.emit(subject.clone(), EventKind::Warning { message });
        }
        let owner = OwnerConnection::new(container.clone(), new.context.clone(), subject);
        let networks = spec.network.clone();
        let launcher = Launcher {
            container,
            image: blueprint.image.clone(),
            main: spec.main.clone(),
            published: spec.network.ports.clone(),
            settings: self.settings.clone(),
            working_dir: found.working_dir,
            steps,
            made: Some(Made {
                blueprint: Arc::new(blueprint),
                owner: Arc::new(owner),
            }),
        };
        let mut instance = self.instance(launcher, &found.env, &effective, guard, network, memory_limit);
        instance.shells = self.shells(&instance.container, new.id);
        instance.networks = networks;
        instance.own_networks = own_networks;
        instance.owned = prepared.owned;
        instance.measured_disk = measured_disk;
        instance.read_back = Mutex::new(self.read_back(new, &effective.limits));
        let prepared = Box::pin(prepare(&instance));
        let prepared = match new.spec.copies.is_empty() {
            true => prepared.await,
            false => instance.launcher.steps.time(Step::Copy, prepared).await,
        };
        if let Err(error) = prepared {
            // The drop cannot await; this can, so it also reports errors of the removal.
            let _ = instance.destroy().await;
            return Err(error);
        }
        Ok(instance)
    }

    /// Opens the environment with this ID, created by any process.
    pub(super) async fn find(&self, id: &EnvironmentId, context: &Context) -> Result<Opened> {
        let docker = self.docker().await?;
        let podman = self.podman(docker).await?;
        let prefix = &self.settings.container_prefix;
        let listed = listed::of_environment(docker, prefix, id.as_str()).await?;
        let absent = || Error::not_found("the daemon has no environment with this ID");
        let container = &listed.first().ok_or_else(absent)?.container;
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
        let subject = Subject::Environment {
            id: id.clone(),
            name: name.clone(),
            engine: NAME.to_owned(),
        };
        let container = found.plain_name();
        let name = labels::current_name(container, prefix, id, name);
        let is_private = spec.network.mode == NetworkMode::Private;
        // Podman has only the kind of the network as its mode.
        let joined = found.network_settings.networks.keys();
        let own = joined.into_iter().find(|name| name.ends_with(id.as_str()));
        let network = own.unwrap_or(&found.host_config.network_mode);
        let network = is_private.then(|| Owned::opened(docker, Kind::Network, network, id.as_str()));
        let guard = Guard::disarmed(docker, (container, &found.id), context.journal());
        let launcher = Launcher {
            container: ContainerRef {
                docker: docker.clone(),
                name: guard.name(),
                made_id: guard.made_id(),
                control_user: profile::control_user(&spec),
                daemon: self.daemon.clone(),
                reported_kills: Arc::default(),
                podman,
                shell: ShellProgram::new(found.config.env.iter().map(String::as_str)),
            },
            image: found.config.image.clone(),
            main: spec.main.clone(),
            published: spec.network.ports.clone(),
            settings: self.settings.clone(),
            working_dir: absolute(&found.config.working_dir),
            steps: Steps::new(self.work(docker), context, subject),
            made: None,
        };
        let memory = limits::in_force(&found.host_config).memory;
        let owned = self.owned_by(docker, id.as_str(), &found.config.image, &spec, context.journal());
        let own_networks = self.find_own_networks(docker, id, &spec.network).await?;
        let mut given = spec.clone();
        networks::with_own_names(&mut given.network, &own_networks);
        let mut instance = self.instance(launcher, &found.config.env, &spec, guard, network, memory);
        instance.shells = self.shells(&instance.container, id);
        instance.owned = owned;
        instance.own_networks = own_networks;
        let is_enforced = found.host_config.storage_opt.contains_key("size");
        instance.measured_disk = self.measured_disk(&spec, is_enforced);
        Ok(Opened {
            name,
            status: labels::status(&found.state.status),
            instance: Box::new(instance),
            spec: given,
        })
    }

    /// The command shells of a container, unless each command gets an exec.
    fn shells(&self, container: &ContainerRef, id: &EnvironmentId) -> Option<CommandShells> {
        let here = || std::thread::available_parallelism().ok().map(NonZeroUsize::get);
        let cpus = match self.daemon.get() {
            Some(daemon) => daemon.cpus(),
            None => is_local(&container.docker).then(here).flatten(),
        };
        let marks = match self.settings.repeatable_commands {
            true => Marks::counted(id.as_str()),
            false => Marks::Random,
        };
        let idle = daemon::shells_for(cpus);
        let wanted = self.settings.command_shells;
        wanted.then(|| CommandShells::new(container.clone(), marks, idle))
    }

    fn instance(
        &self,
        launcher: Launcher,
        env: &EnvList,
        spec: &EnvironmentSpec,
        guard: Guard,
        network: Option<Owned>,
        memory_limit: Option<u64>,
    ) -> DockerInstance {
        let container = launcher.container.clone();
        let container_podman = container.podman;
        DockerInstance {
            shells: None,
            container,
            image: launcher.image.clone(),
            has_main: launcher.main != Main::Idle,
            checks_health: health::is_daemons(spec, container_podman),
            memory_limit: AtomicU64::new(memory_limit.unwrap_or(0)),
            cpus: self.daemon.get().and_then(DaemonInfo::cpus),
            measured_disk: None,
            prefix: self.settings.container_prefix.clone(),
            mounts: MountTable::new(&spec.mounts),
            late_copies: Mutex::default(),
            working_dir: launcher.working_dir.clone(),
            launcher,
            lost_env: lost(env),
            guard: Mutex::new(guard),
            network,
            own_networks: networks::OwnNetworks::new(),
            owned: Vec::new(),
            networks: spec.network.clone(),
            left: Mutex::default(),
            kept: AtomicBool::new(spec.lifetime != Lifetime::Owner),
            read_back: Mutex::default(),
        }
    }
}

/// Joins the networks of the specification, and makes its copies.
async fn prepare(instance: &DockerInstance) -> Result<()> {
    networks::join::join(&instance.container, &instance.networks).await?;
    copy_in(instance).await
}

/// Makes the copies of the specification.
async fn copy_in(instance: &DockerInstance) -> Result<()> {
    let launcher = &instance.launcher;
    match &launcher.made {
        Some(made) => {
            let late = made.blueprint.late_copies(&launcher.working_dir)?;
            *instance.late_copies() = late;
            made.blueprint
                .copy_in(&launcher.container, &launcher.working_dir)
                .await
        }
        None => Ok(()),
    }
}

/// The facts about a new container that the instance needs.
struct Found {
    /// The working directory of commands; absolute.
    working_dir: String,
    env: EnvList,
}

/// Looks at the new container, and checks that it has all requested limits. If only the warnings of
/// the daemon are read for that, the inspection of the image may be enough.
async fn look(
    docker: &Docker,
    container: &str,
    blueprint: &Blueprint,
    (warnings, is_inspected): (&[String], bool),
    accept: impl FnOnce(Vec<MissingFeature>) -> Result<()>,
) -> Result<Found> {
    let spec = &blueprint.spec;
    let is_inspected = is_inspected && spec.limits != ResourceLimits::default();
    if let (Some(image), false) = (blueprint.image_facts(), is_inspected) {
        accept(limits::warned_of(&spec.limits, warnings))?;
        let body = blueprint.body()?;
        let own = Some(&body.working_dir).filter(|own| !own.is_empty());
        let variables = image
            .env
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        return Ok(Found {
            working_dir: absolute(own.unwrap_or(&image.working_dir)),
            // The first one counts.
            env: body.env.iter().cloned().chain(variables).collect(),
        });
    }
    let containers = docker.containers();
    let inspected = containers.inspect(container, InspectContainer::default()).await;
    let made = inspected.map_err(to_error)?;
    accept(limits::dropped(&spec.limits, &made.host_config, warnings))?;
    Ok(Found {
        working_dir: absolute(&made.config.working_dir),
        env: made.config.env,
    })
}

/// The working directory of a container; the root directory if it is not set.
fn absolute(working_dir: &str) -> String {
    format!("/{}", working_dir.trim_matches('/'))
}

/// The environment variables of a container and its image that a shell would lose.
fn lost(env: &EnvList) -> BTreeMap<String, String> {
    let pairs = env.iter().rev().filter_map(|entry| entry.split_once('='));
    pairs
        .filter(|(name, _)| shell_program::is_lost(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
