//! The engine that runs every environment in a container of its own, on Docker or Podman.
//!
//! **What an environment is.** A container whose first process does nothing, in which every command is
//! run. It gets the engine's default network and publishes no port. It is hardened without being asked to:
//! all kernel capabilities are dropped but the few that installing packages needs, no process can gain
//! new privileges, and it is never privileged. The image's own program is not started. Limits are those
//! of the whole environment, and swap counts as memory.
//!
//! **What an image must have:** `sh`, `sleep` and `kill` (which most shells have built in); those of busybox will
//! do. Copies into an image with a user of its own belong to root.
//!
//! **What cannot be reached.** A command is killed with its process group. What it has put into a session of its own,
//! as daemons do, lives until the environment is destroyed. Docker tells whether the memory limit was
//! reached for the whole environment since its start, Podman does not tell it for commands at all. Podman
//! also ends a command's output with the command: output is said to be incomplete when any process of
//! its group still runs.
//!
//! **What it leaves.** Nothing: a container is guarded by its name before the engine is asked to make it. When
//! the engine has gone, what is dropped is removed if the engine is back within ten seconds; a program that ends
//! meanwhile waits that long. What is left then is still listed.
//! Everything carries the [labels] by which it is listed and destroyed, whichever process made it.
//!
//! ```no_run
//! use isolation::engines::docker::DockerEngine;
//! use isolation::{Command, Engine, EnvironmentSpec, Limits};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let engine = DockerEngine::from_env().await?.with_default_image("busybox");
//! let limits = Limits { memory: Some(64 << 20), ..Default::default() };
//! let environment = engine.create(EnvironmentSpec { limits, ..Default::default() }).await?;
//! environment.activate().await?;
//! println!("{}", environment.run(Command::shell("id")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod background;
mod create;
mod environment;
mod failure;
mod files;
mod input;
pub mod labels;
mod limits;
mod machine;
mod make;
mod paths;
mod place;
mod process;
mod pull;
mod remove;
mod settle;
mod start;

use std::sync::Arc;

use engine_api::Docker;
use engine_api::containers::{ContainerFilters, ContainerSummary, ListContainers};
use tokio::sync::OnceCell;

use crate::BoxFuture;
use crate::capabilities::Capabilities;
use crate::engine::{Availability, Engine};
use crate::environment::{Environment, EnvironmentSummary};
use crate::error::{Error, Result};
use crate::id::EnvironmentId;
use crate::spec::EnvironmentSpec;
use crate::validate;

pub use failure::Failure;
pub use pull::{PullPolicy, PullProgress};

use failure::told;
use machine::Machine;
use pull::Observer;

/// The name under which the engine is registered.
pub const NAME: &str = "docker";

/// The image of environments that name none.
pub const DEFAULT_IMAGE: &str = "python:3.9-slim";

/// The beginning of the names of containers.
pub const DEFAULT_PREFIX: &str = "ptest_";

/// What a person can do when nothing answers.
const WAY_OUT: &str = "start Docker or Podman, or set DOCKER_HOST to where one listens";

/// The engine that runs every environment in a container: see [the module](self).
#[derive(Debug)]
pub struct DockerEngine {
    client: OnceCell<Docker>,
    machine: OnceCell<Machine>,
    settings: Settings,
}

/// What is the same for all environments.
#[derive(Debug, Clone)]
struct Settings {
    prefix: String,
    image: String,
    policy: PullPolicy,
    observer: Option<Observer>,
}

impl Default for DockerEngine {
    /// An engine that looks for Docker or Podman when it is first used, as [`Docker::from_env`] does.
    fn default() -> Self {
        Self {
            client: OnceCell::new(),
            machine: OnceCell::new(),
            settings: Settings {
                prefix: DEFAULT_PREFIX.to_owned(),
                image: DEFAULT_IMAGE.to_owned(),
                policy: PullPolicy::default(),
                observer: None,
            },
        }
    }
}

impl DockerEngine {
    /// An engine at the other end of this client.
    pub fn new(docker: Docker) -> Self {
        Self {
            client: OnceCell::new_with(Some(docker)),
            ..Self::default()
        }
    }

    /// The engine that the environment names, or the first that answers: see [`Docker::from_env`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) says where it was looked for.
    pub async fn from_env() -> Result<Self> {
        let engine = Self::default();
        engine.docker().await?;
        Ok(engine)
    }

    /// The same engine with another beginning of the names of containers.
    ///
    /// # Errors
    ///
    /// When no container's name can begin so.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self> {
        self.settings.prefix = prefix.into();
        validate::name(&self.settings.prefix)?;
        Ok(self)
    }

    /// The same engine with another image for environments that name none.
    #[must_use]
    pub fn with_default_image(mut self, image: impl Into<String>) -> Self {
        self.settings.image = image.into();
        self
    }

    /// The same engine, pulling images at other times.
    #[must_use]
    pub fn with_pull(mut self, policy: PullPolicy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// The same engine, telling how far a pull is. It is told from the task that pulls, and must not block.
    #[must_use]
    pub fn with_progress(mut self, tell: impl Fn(&PullProgress) + Send + Sync + 'static) -> Self {
        self.settings.observer = Some(Observer(Arc::new(tell)));
        self
    }

    async fn docker(&self) -> Result<&Docker> {
        let found = self.client.get_or_try_init(Docker::from_env).await;
        found.map_err(|error| Error::unavailable(NAME, failure::reason(&error), WAY_OUT))
    }

    /// What the engine says of itself; asked once.
    async fn machine(&self) -> Result<&Machine> {
        let docker = self.docker().await?;
        let machine = self
            .machine
            .get_or_try_init(|| Machine::ask(docker))
            .await
            .map_err(told)?;
        match machine.unusable() {
            Some(reason) => Err(Error::unavailable(
                NAME,
                reason,
                "let the engine run Linux containers",
            )),
            None => Ok(machine),
        }
    }

    async fn answers(&self) -> Availability {
        let unavailable = |reason: String| Availability::Unavailable {
            reason,
            hint: WAY_OUT.to_owned(),
        };
        let docker = match self.client.get_or_try_init(Docker::from_env).await {
            Ok(docker) => docker,
            Err(error) => return unavailable(failure::reason(&error)),
        };
        // Every time: it may have gone since it told about itself.
        if let Err(error) = docker.system().ping().await {
            return unavailable(failure::reason(&error));
        }
        let asked = self.machine.get_or_try_init(|| Machine::ask(docker)).await;
        match asked.map(|machine| (machine, machine.unusable())) {
            Ok((machine, None)) => Availability::Available {
                detail: machine.detail.clone(),
            },
            Ok((_, Some(reason))) => unavailable(reason),
            Err(error) => unavailable(failure::reason(&error)),
        }
    }

    async fn containers(&self, label: String) -> Result<Vec<ContainerSummary>> {
        let filters = ContainerFilters {
            label: vec![label],
            ..ContainerFilters::default()
        };
        let options = ListContainers {
            all: true,
            filters,
            ..ListContainers::default()
        };
        let listed = self.docker().await?.containers().list(options).await;
        listed.map_err(told)
    }

    async fn remove_all(&self, id: &EnvironmentId) -> Result<()> {
        let containers = self.containers(format!("{}={id}", labels::ENVIRONMENT)).await?;
        if containers.is_empty() {
            return Err(Error::not_found("the engine has no environment with this id"));
        }
        for container in containers {
            remove::remove(self.docker().await?, &container.id)
                .await
                .map_err(told)?;
        }
        Ok(())
    }
}

impl Engine for DockerEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.machine
            .get()
            .map_or_else(machine::everything, Machine::capabilities)
    }

    fn availability(&self) -> BoxFuture<'_, Availability> {
        Box::pin(self.answers())
    }

    fn create(&self, spec: EnvironmentSpec) -> BoxFuture<'_, Result<Box<dyn Environment>>> {
        Box::pin(async move {
            spec.validate()?;
            let on = spec.name.clone().unwrap_or_else(|| "without a name".to_owned());
            let made = self.make(spec).await;
            let made = made.map_err(|error| error.during("create the environment", &on))?;
            Ok(Box::new(made) as Box<dyn Environment>)
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(async move {
            let containers = self.containers(labels::ENVIRONMENT.to_owned()).await;
            let containers = containers.map_err(|error| error.during("list the environments of", NAME))?;
            Ok(containers.iter().filter_map(labels::read).collect())
        })
    }

    fn destroy<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let removed = self.remove_all(id).await;
            removed.map_err(|error| error.during("destroy the environment", id.as_str()))
        })
    }
}
