//! The engine that runs every environment in a container, on Docker or Podman.
//!
//! **Environment.** Each one is a container. Its first process does nothing
//! ([`Main::Idle`](crate::Main::Idle)), is the image's own program, or is a command. The container
//! has the daemon's default network, another network or none, and publishes no port. It is hardened
//! by default: it has only the kernel capabilities that package managers need, no process can gain
//! privileges, and it is never privileged. Limits apply to the whole environment, and swap counts
//! as memory.
//!
//! **Image.** It must contain `sh`, `sleep` and `kill` (built into most shells); those of busybox
//! are enough. If the image has its own user, copied files still belong to root.
//!
//! **Limitations.** A command is killed with its process group. A process that starts its own
//! session, as daemons do, runs until the environment is destroyed. Docker reports an OOM kill for
//! the whole environment since its start, Podman does not report it for commands. Podman ends the
//! output of a command with the command; the output counts as incomplete if a process of its group
//! still runs.
//!
//! **Cleanup.** The guard of a container knows its name before the daemon creates it, so nothing is
//! left behind. If the daemon does not answer during a drop, the removal is retried for five
//! seconds, or for the [cleanup timeout](crate::ManagerOptions::cleanup_timeout); a program that
//! ends meanwhile waits for it. A container that is left then is still listed. Everything has
//! [labels], by which any process can list and destroy it.
//!
//! **Owner.** An environment that is not kept ends with the process that created it, also if that
//! is killed: this process holds a connection to the container. That needs a daemon on this
//! machine.
//!
//! ```no_run
//! use isolation::engines::docker::DockerEngine;
//! use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry, ResourceLimits};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let mut registry = Registry::new();
//! registry.register(DockerEngine::from_env().await?.with_default_image("busybox"))?;
//! let manager = Manager::new(registry);
//! let limits = ResourceLimits { memory: Some(64 << 20), ..Default::default() };
//! let spec = EnvironmentSpec { limits, ..Default::default() };
//! let environment = manager.create(&EngineChoice::Auto, spec).await?;
//! println!("{}", environment.run(Command::shell("id")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod attached;
mod blueprint;
mod busy;
mod client;
mod command_shell;
mod connect;
mod container;
mod container_config;
mod control_groups;
mod create;
mod create_container;
mod daemon;
mod default_limits;
mod dependents;
mod diagnostics;
mod disk;
mod disk_limit;
mod engine;
mod exec;
mod exec_process;
mod exec_stdin;
mod files;
mod guarded;
mod health;
mod images;
mod inspection;
mod instance;
pub mod labels;
mod launch;
mod leftover;
mod lifecycle;
mod limits;
mod listed;
mod listed_ports;
mod log_follow;
mod log_lag;
mod log_position;
mod logs;
mod made_id;
mod main_program;
mod metrics;
mod mount_sources;
mod mount_table;
mod networks;
mod oom;
mod options;
mod owned;
mod owned_image;
mod owned_network;
mod owner;
mod paths;
mod pause;
mod platform;
mod ports;
mod processes;
mod profile;
mod provision;
mod publish;
mod remove;
mod rename;
mod resolve;
mod resources;
mod settings;
mod shell_program;
mod snapshot;
mod staged_copy;
mod start_failure;
mod steps;
mod terminal_size;
mod update;
mod volume_directory;
mod volumes;
mod watch;
mod within_container;
mod work;
mod work_climb;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use engine_api::{Docker, Timeouts};
use tokio::sync::OnceCell;

use crate::cleanup;
use crate::engine::Probe;
use crate::engine::capabilities::Feature;
use crate::environment::end_timeout::ANSWER_TIMEOUT;
use crate::error::{Error, Result};
use crate::spec::limits::ResourceLimits;
use crate::spec::validate;

pub use diagnostics::ContainerDiagnostics;
pub use images::{
    BuildSpec, BuiltImage, ImageEntry, ImageNames, Images, ImagesPruned, PullImage, PullPolicy, PulledImage,
    RegistryError,
};
pub use networks::{CreatedNetwork, NetworkInfo, NetworkOptions, Networks};
pub use platform::WrongPlatform;
pub use settings::DockerSettings;
pub use volumes::{CreatedVolume, VolumeInfo, VolumeOptions, VolumeUsage, Volumes};

use daemon::DaemonInfo;
use daemon::KnownDaemon;
use diagnostics::to_error;
use platform::Emulated;
use work::WorkLimit;

/// The name under which the engine is registered.
pub const NAME: &str = "docker";

/// The default image.
pub const DEFAULT_IMAGE: &str = "python:3.9-slim";

/// The default prefix of container names.
pub const DEFAULT_PREFIX: &str = "ptest_";

/// The hint for a daemon of Windows containers.
const LINUX_CONTAINERS: &str = "switch the daemon to Linux containers";

/// The engine that runs every environment in a container: see [the module](self).
#[derive(Debug)]
pub struct DockerEngine {
    client: OnceCell<Docker>,
    daemon: KnownDaemon,
    work: OnceLock<Arc<WorkLimit>>,
    emulated: Emulated,
    /// Whether the storage of the daemon enforces the size of a container.
    quota: OnceLock<bool>,
    /// Whether volumes can be in the directory that the settings name.
    volume_base_path_works: OnceCell<bool>,
    /// The address of the daemon, if the caller has named one.
    address: Option<String>,
    /// The change of a client that is found on first use.
    prepare: Option<fn(Docker) -> Docker>,
    settings: DockerSettings,
}

impl Default for DockerEngine {
    /// Creates an engine that looks for Docker or Podman on first use, as [`Docker::from_env`]
    /// does.
    fn default() -> Self {
        Self {
            client: OnceCell::new(),
            daemon: KnownDaemon::default(),
            work: OnceLock::new(),
            emulated: Emulated::default(),
            quota: OnceLock::new(),
            volume_base_path_works: OnceCell::new(),
            address: None,
            prepare: None,
            settings: DockerSettings::default(),
        }
    }
}

impl DockerEngine {
    /// Creates an engine for the daemon of this client.
    pub fn new(docker: Docker) -> Self {
        Self {
            address: Some(docker.address()),
            client: OnceCell::new_with(Some(docker)),
            ..Self::default()
        }
    }

    /// Creates an engine for the daemon that `DOCKER_HOST` names, or the first one that answers:
    /// see [`Docker::from_env`].
    ///
    /// # Errors
    ///
    /// An error of the kind [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) lists the
    /// addresses tried.
    pub async fn from_env() -> Result<Self> {
        let engine = Self::default();
        engine.docker().await?;
        Ok(engine)
    }

    /// Replaces all settings.
    ///
    /// # Errors
    ///
    /// If a value is invalid. The error lists every fault.
    pub fn with_settings(mut self, settings: DockerSettings) -> Result<Self> {
        settings.validate()?;
        self.settings = settings;
        Ok(self)
    }

    /// The settings of its environments.
    pub fn settings(&self) -> &DockerSettings {
        &self.settings
    }

    /// Sets the prefix of the names of containers and networks.
    ///
    /// # Errors
    ///
    /// If no name can start with this prefix.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self> {
        self.settings.container_prefix = prefix.into();
        validate::name(&self.settings.container_prefix)?;
        self.settings
            .network_prefix
            .clone_from(&self.settings.container_prefix);
        Ok(self)
    }

    /// Sets the limits of environments without their own. They are not among
    /// [`EnvironmentSpec::limits`](crate::EnvironmentSpec::limits), so another engine does not need
    /// them.
    #[must_use]
    pub fn with_default_limits(mut self, limits: ResourceLimits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Runs each command with an exec of its own, instead of writing it to a shell that stays open
    /// in the container. The results are the same; an exec takes many times as long.
    #[must_use]
    pub fn without_command_shells(mut self) -> Self {
        self.settings.command_shells = false;
        self
    }

    /// Sends the same requests each time, apart from the ID of an environment, so that a recording
    /// of them can be replayed; see [`DockerSettings::repeatable_commands`] and
    /// [`DockerSettings::disk_measurements`]. Only for recordings of trusted commands.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.settings.repeatable_commands = true;
        self.without_disk_measurements()
    }

    /// Enforces no disk limit that the daemon does not enforce itself; see
    /// [`DockerSettings::disk_measurements`].
    #[must_use]
    pub fn without_disk_measurements(mut self) -> Self {
        self.settings.disk_measurements = false;
        self
    }

    /// The daemon's description of itself, read once.
    async fn daemon(&self) -> Result<&DaemonInfo> {
        let docker = self.docker().await?;
        let daemon = self
            .daemon
            .get_or_try_init(|| DaemonInfo::read(docker))
            .await
            .map_err(to_error)?;
        match daemon.unusable() {
            Some(reason) => Err(Error::unavailable(NAME, reason, LINUX_CONTAINERS)),
            None => Ok(daemon),
        }
    }

    /// Whether the daemon is Podman; asks only if nothing has been asked yet.
    async fn podman(&self, docker: &Docker) -> Result<bool> {
        if let Some(podman) = docker.is_podman() {
            return Ok(podman);
        }
        let product = daemon::answers(docker).await.map_err(to_error)?;
        Ok(product.podman)
    }

    /// Asks whether the daemon can be used, and its description only if `needed` depends on it.
    async fn ask(&self, needed: Option<&BTreeSet<Feature>>) -> Probe {
        let named_by = self.named_by();
        self.probe_with(named_by.as_deref(), needed)
            .await
            .named_by(named_by)
    }

    async fn probe_with(&self, named_by: Option<&str>, needed: Option<&BTreeSet<Feature>>) -> Probe {
        let known = self
            .daemon
            .get()
            .map_or_else(daemon::everything, DaemonInfo::capabilities);
        let silent = |error: &engine_api::Error| {
            let hint = diagnostics::hint(error, named_by);
            Probe::unavailable(diagnostics::reason(error), hint, known.clone())
        };
        let unusable = |reason: String| Probe::unavailable(reason, LINUX_CONTAINERS, known.clone());
        let docker = match self.find_client().await {
            Ok(docker) => docker,
            Err(error) => return silent(&error),
        };
        // Every time: the daemon may have stopped since its description was read.
        let docker = &docker.clone().with_timeouts(Timeouts {
            total: Some(ANSWER_TIMEOUT),
            ..*docker.timeouts()
        });
        let product = match daemon::answers(docker).await {
            Ok(product) => product,
            Err(error) => return silent(&error),
        };
        if needed.is_some_and(|needed| needed.is_disjoint(&daemon::VARYING.into())) {
            return match product.windows {
                true => unusable(daemon::WINDOWS.to_owned()),
                false => Probe::available(docker.address(), known),
            };
        }
        let asked = self.daemon.get_or_try_init(|| DaemonInfo::read(docker)).await;
        match asked.map(|daemon| (daemon, daemon.unusable())) {
            Ok((daemon, None)) => Probe::available(daemon.detail.clone(), daemon.capabilities()),
            Ok((_, Some(reason))) => unusable(reason),
            Err(error) => silent(&error),
        }
    }
}
