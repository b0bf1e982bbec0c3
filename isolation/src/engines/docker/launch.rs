//! Starts the first process of a container, with the connection of its owner.

use std::sync::Arc;

use engine_api::containers::{AttachContainer, StartContainer};
use engine_api::{Hijacked, Input, Output};

use super::blueprint::{Blueprint, Failed};
use super::container::ContainerRef;
use super::diagnostics::{ContainerDiagnostics, to_error};
use super::main_program;
use super::owner::{OwnerConnection, OwnerLink};
use super::shell_program::names_missing;
use super::start_failure::{NO_INIT, StartFailure, is_init_missing, is_log_broken, start_failure};
use super::steps::Steps;
use super::terminal_size::{Terminal, console_size};
use super::{DockerSettings, NAME, networks};
use crate::command::Command;
use crate::command::input::Input as CommandStdin;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Step;
use crate::spec::main_process::Main;
use crate::spec::published_port::PublishedPort;

/// How the container of an environment is started.
#[derive(Debug, Clone)]
pub(super) struct Launcher {
    pub(super) container: ContainerRef,
    pub(super) image: String,
    pub(super) main: Main,
    /// The ports that the specification publishes.
    pub(super) published: Vec<PublishedPort>,
    pub(super) settings: DockerSettings,
    /// The working directory of commands; absolute.
    pub(super) working_dir: String,
    /// Limits the starts.
    pub(super) steps: Steps,
    /// `None` if another process has created the container: that one is the owner.
    pub(super) made: Option<Made>,
}

/// The resources of the process that created the container.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) owner: Arc<OwnerConnection>,
}

/// The streams of a started main process.
pub(super) struct Streams {
    pub(super) output: Output,
    /// Its input, if it has one.
    pub(super) input: Option<Input>,
}

/// Why a container did not start.
pub(super) enum NotStarted {
    Daemon(engine_api::Error),
    Other(Error),
}

impl From<engine_api::Error> for NotStarted {
    fn from(error: engine_api::Error) -> Self {
        Self::Daemon(error)
    }
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// How often a start is tried whose ports of the host the daemon chooses.
const PORT_TRIES: u32 = 3;

impl Launcher {
    /// The link of the next start to this process.
    pub(super) fn link(&self) -> OwnerLink {
        match &self.made {
            Some(made) if !made.owner.is_kept() => made.blueprint.link(),
            _ => OwnerLink::None,
        }
    }

    /// The end of the owner connection is intended from now on.
    pub(super) fn release_owner(&self) {
        if let Some(made) = &self.made {
            made.owner.release();
        }
    }

    /// Sets whether the container is being removed.
    pub(super) fn set_removing(&self, removing: bool) {
        if let Some(made) = &self.made {
            made.owner.set_removing(removing);
        }
    }

    /// Starts the container.
    pub(super) async fn start(&self) -> Result<()> {
        if let Some(made) = self.made.as_ref().filter(|_| self.is_started_by_init()) {
            self.check_main_program(made).await?;
        }
        let lease = match self.begin(None).await {
            Ok(_) => self.lease(),
            Err(NotStarted::Daemon(error)) => return Err(self.error(error).await),
            Err(NotStarted::Other(error)) => return Err(error),
        };
        lease.await;
        Ok(())
    }

    /// Whether an init program starts the main process: it reports a missing program only as an
    /// exit code.
    fn is_started_by_init(&self) -> bool {
        let init = self.made.as_ref().is_some_and(|made| made.blueprint.start().init);
        init && self.link() != OwnerLink::None
    }

    async fn check_main_program(&self, made: &Made) -> Result<()> {
        let Main::Command(command) = &self.main else {
            return Ok(());
        };
        if self.link() == OwnerLink::Watcher && self.has_no_shell().await.map_err(to_error)? {
            self.make_anew(Failed::Shell).await?;
            return Ok(());
        }
        // A mount may bring the program, and an unknown image its `PATH`.
        if !made.blueprint.spec.mounts.is_empty() || made.blueprint.image_facts().is_none() {
            return Ok(());
        }
        let path = made.blueprint.variables().remove("PATH");
        let program = command.argv.first().map_or("", String::as_str);
        let working_dir = command.working_dir.as_deref().unwrap_or(&self.working_dir);
        main_program::check(&self.container, program, path.as_deref(), working_dir).await
    }

    /// Whether the image lacks the shell that starts the main process.
    pub(super) async fn has_no_shell(&self) -> engine_api::Result<bool> {
        let Some(shell) = self.made.as_ref().and_then(|made| made.blueprint.start().shell) else {
            return Ok(false);
        };
        let containers = self.container.docker.containers();
        let stat = |name: String| async move { containers.stat(&name, shell).await };
        match self.container.call(stat).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Makes the container anew, because its first process could not be started in this way: the
    /// next way is tried; `false` after the last way.
    pub(super) async fn make_anew(&self, failed: Failed) -> Result<bool> {
        match &self.made {
            Some(made) if made.blueprint.next(failed) => {
                self.recreate(made).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Removes the container, and makes it anew under the same name.
    pub(super) async fn recreate(&self, made: &Made) -> Result<()> {
        let context = self.steps.context();
        let blueprint = &made.blueprint;
        blueprint
            .recreate(&self.container, &self.working_dir, context)
            .await
    }

    /// Starts the container and returns its streams, if `command` asks for them. Starts it anew as
    /// long as something is lacking that can be left out.
    pub(super) async fn begin(
        &self,
        command: Option<&Command>,
    ) -> std::result::Result<Option<Streams>, NotStarted> {
        Box::pin(self.follow_network()).await?;
        let mut tries_of_ports = PORT_TRIES;
        loop {
            // The wait for others does not count for the limit.
            let attempt = self
                .settings
                .container_call(async { Ok(self.attempt(command).await) });
            let error = match self.steps.run(Step::Start, Box::pin(attempt)).await? {
                Ok(streams) => return Ok(streams),
                Err(error) => error,
            };
            let Some(failed) = self.failed(&error) else {
                tries_of_ports -= 1;
                if tries_of_ports == 0 || !self.may_get_other_ports(&error) {
                    return Err(error.into());
                }
                self.choose_other_ports().await?;
                continue;
            };
            let making = Box::pin(self.make_anew(failed));
            if !self.settings.container_call(making).await? {
                return Err(error.into());
            }
        }
    }

    /// Makes the container anew if it has the network of another one that was made anew.
    async fn follow_network(&self) -> Result<()> {
        let Some(made) = &self.made else {
            return Ok(());
        };
        let Some(other) = made.blueprint.spec.network.shares_with() else {
            return Ok(());
        };
        match networks::shared::is_outdated(&self.container, &self.settings.container_prefix, other).await? {
            true => self.recreate(made).await,
            false => Ok(()),
        }
    }

    async fn attempt(&self, command: Option<&Command>) -> engine_api::Result<Option<Streams>> {
        self.release_owner();
        let containers = self.container.docker.containers();
        let (link, owner) = (self.link(), self.made.as_ref().map(|made| &made.owner));
        let streams = match (command, owner) {
            (Some(command), owner) => {
                let own = command.terminal.is_some() || command.input != CommandStdin::Empty;
                let options = AttachContainer {
                    stdin: own || link.uses_stdin(),
                    ..AttachContainer::default()
                };
                let attaching = self.container.call(|name| {
                    let options = options.clone();
                    async move { containers.attach(&name, options).await }
                });
                let Hijacked { input, output } = attaching.await?;
                let input = match owner {
                    Some(owner) if link.uses_stdin() => {
                        owner.hold(input);
                        None
                    }
                    _ => own.then_some(input),
                };
                Some(Streams { output, input })
            }
            (None, Some(owner)) if link.uses_stdin() => {
                owner.attach().await?;
                None
            }
            (None, _) => None,
        };
        let start = |name: String| async move { containers.start(&name, StartContainer::default()).await };
        self.container.call(start).await?;
        if let Some(size) = command.and_then(|command| command.terminal) {
            Terminal::Main.resize(&self.container, console_size(size)).await?;
        }
        Ok(streams)
    }

    /// The thing that the container lacks for its first process, if the error shows that.
    fn failed(&self, error: &engine_api::Error) -> Option<Failed> {
        let start = self.made.as_ref()?.blueprint.start();
        let message = error.message().unwrap_or_default();
        if start.init && is_init_missing(message) {
            self.steps.warn(NO_INIT);
            return Some(Failed::Init);
        }
        if self.main == Main::Idle && is_log_broken(message) {
            return Some(Failed::Log);
        }
        let by_shell = match self.link() {
            _ if self.main == Main::Idle => true,
            OwnerLink::Watcher => true,
            OwnerLink::Lease => !start.init,
            OwnerLink::None | OwnerLink::Idle => false,
        };
        let missing = start.shell.is_some_and(|shell| names_missing(message, shell));
        (by_shell && missing).then_some(Failed::Shell)
    }

    /// Establishes the link of a main process that has its own input.
    pub(super) fn lease(&self) -> impl Future<Output = ()> + Send + 'static {
        let made = self.made.clone().filter(|_| self.link() == OwnerLink::Lease);
        async move {
            let Some(Made { blueprint, owner }) = made else {
                return;
            };
            let Some(shell) = blueprint.start().shell else {
                return;
            };
            // The main process may have ended already. Otherwise the image has no shell, and
            // cleanup remains.
            if owner.lease(shell).await.is_err() {
                blueprint.give_up_link();
            }
        }
    }

    /// Starts the main process anew, after [`make_anew`](Self::make_anew). It has no input.
    pub(super) async fn start_again(&self) -> Result<Output> {
        let command = Command::default();
        match self.begin(Some(&command)).await {
            Ok(Some(streams)) => Ok(streams.output),
            Ok(None) => Err(Error::new(
                ErrorKind::Engine,
                "the daemon has returned no streams",
            )),
            Err(NotStarted::Other(error)) => Err(error),
            Err(NotStarted::Daemon(error)) => Err(self.error(error).await),
        }
    }

    /// The error of a failed start. The daemon reports it with an exit code of the container, too,
    /// but no program has run.
    pub(super) async fn error(&self, error: engine_api::Error) -> Error {
        if error.is_unreachable() {
            return to_error(error);
        }
        if error.is_not_found() && self.container.is_gone().await {
            return Error::lost();
        }
        let message = error.message().unwrap_or_default();
        if self.main == Main::Idle && start_failure(message) == Some(StartFailure::NoProgram) {
            return Error::invalid(format!(
                "the image {} contains no `sh`, which is needed to run commands; use an image with a shell",
                self.image
            ));
        }
        let kind = match start_failure(message) {
            Some(StartFailure::NoProgram) => ErrorKind::NotFound,
            Some(StartFailure::NotExecutable) => ErrorKind::InvalidInput,
            Some(StartFailure::PortTaken) => return self.port_taken(error).await,
            None => {
                return self
                    .diagnose("the container could not be started", error)
                    .await
                    .into();
            }
        };
        let found = self
            .diagnose("the main process could not be started", error)
            .await;
        Error::engine_with_kind(NAME, kind, found)
    }

    async fn diagnose(&self, what: &str, error: engine_api::Error) -> ContainerDiagnostics {
        ContainerDiagnostics::look(&self.container.docker, self.container.id(), what, Some(error)).await
    }
}
