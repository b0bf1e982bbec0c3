//! An environment of the engine `docker`: a container that waits for commands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use engine_api::containers::StartContainer;

use super::command_shell::CommandShells;
use super::container::ContainerRef;
use super::diagnostics::{ContainerDiagnostics, to_error};
use super::remove::{self, Guard};
use super::{NAME, daemon, exec, files, paths};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::environment::id::EnvironmentId;
use crate::environment::status::{Status, StatusCell};
use crate::environment::{CopySource, Environment};
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

#[derive(Debug)]
pub(super) struct DockerEnvironment {
    pub(super) id: EnvironmentId,
    pub(super) name: String,
    pub(super) spec: EnvironmentSpec,
    pub(super) image: String,
    pub(super) container: ContainerRef,
    /// Shells for commands; `None` if each command gets an exec.
    pub(super) shells: Option<CommandShells>,
    /// The working directory of commands; absolute.
    pub(super) working_dir: String,
    /// Environment variables of the container that a shell would lose.
    pub(super) lost_env: BTreeMap<String, String>,
    pub(super) status: StatusCell,
    /// Removes the container when dropped; disarmed when the container is removed in another way.
    pub(super) guard: Mutex<Guard>,
}

impl DockerEnvironment {
    /// The error of a call, with diagnostics of the container.
    async fn failure(&self, what: &str, error: engine_api::Error) -> Error {
        match error.is_unreachable() {
            true => to_error(error),
            false => self.look(what, Some(error)).await.into(),
        }
    }

    async fn look(&self, what: &str, error: Option<engine_api::Error>) -> ContainerDiagnostics {
        ContainerDiagnostics::look(&self.container.docker, &self.container.id, what, error).await
    }

    async fn make_active(&self) -> Result<()> {
        if self.status.get().is_running() {
            return Ok(());
        }
        if !self.status.get().can_become(Status::Running) {
            return self
                .status
                .advance(Status::Running)
                .map(drop)
                .map_err(Error::from);
        }
        let containers = self.container.docker.containers();
        let started = containers
            .start(&self.container.id, StartContainer::default())
            .await;
        if let Err(error) = started {
            if error.message().is_some_and(has_no_shell) {
                return Err(Error::invalid(format!(
                    "the image {} contains no `sh`, which is needed to run commands; use an image with a shell",
                    self.image
                )));
            }
            return Err(self.failure("the container could not be started", error).await);
        }
        // Another task may have started it at the same time.
        match self.status.advance(Status::Running) {
            Err(step) if step.from != Status::Running => Err(step.into()),
            _ => Ok(()),
        }
    }

    async fn begin(&self, command: &Command) -> Result<Execution> {
        command.validate()?;
        self.status.require_running()?;
        daemon::everything().check(NAME, &command.required_features())?;
        let working_dir = match &command.working_dir {
            Some(working_dir) => paths::join(&self.working_dir, working_dir)?,
            None => String::new(),
        };
        let started = self.start_command(command, &working_dir).await;
        started.map_err(|error| self.update_status(error))
    }

    /// Starts a command in a command shell, or with an exec if no shell can run it.
    async fn start_command(&self, command: &Command, working_dir: &str) -> Result<Execution> {
        if let Some(shells) = &self.shells {
            let directory = if working_dir.is_empty() {
                &self.working_dir
            } else {
                working_dir
            };
            if let Some(execution) = shells.start(command, directory).await? {
                return Ok(execution);
            }
        }
        exec::start(&self.container, command, working_dir, &self.lost_env).await
    }

    /// Sets the status to stopped if the error shows that the container does not run. It can then
    /// be started again.
    fn update_status(&self, error: Error) -> Error {
        let failure = std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<ContainerDiagnostics>());
        if failure.is_some_and(ContainerDiagnostics::is_stopped) {
            let _ = self.status.advance(Status::Stopped);
        }
        error
    }

    /// Makes the copies of the specification. The container need not run for that.
    pub(super) async fn bring_in_copies(&self) -> Result<()> {
        for copy in &self.spec.copies {
            let source = CopySource::Path(copy.source.clone());
            self.bring_in(source, &copy.target).await?;
        }
        Ok(())
    }

    async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        let target = paths::resolve(&self.working_dir, target)?;
        files::copy_in(&self.container, source, &target).await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        let source = paths::resolve(&self.working_dir, source)?;
        files::copy_out(&self.container, &source, target).await
    }

    async fn end(&self) -> Result<()> {
        if self.status.get() == Status::Destroyed {
            return Ok(());
        }
        let _ = self.status.advance(Status::Destroying);
        self.close_shells();
        let removed = remove::remove(&self.container.docker, &self.container.id).await;
        // Another task may have destroyed it at the same time; the status is then `Destroyed`.
        let _ = self.status.advance(match removed.is_ok() {
            true => Status::Destroyed,
            false => Status::Failed,
        });
        if removed.is_ok() {
            self.disarm();
        }
        removed.map_err(to_error)
    }

    fn close_shells(&self) {
        if let Some(shells) = &self.shells {
            shells.close();
        }
    }

    /// From now on, dropping this does not remove the container.
    fn disarm(&self) {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).disarm();
    }
}

/// Whether this is the message of runc or crun for an image without a shell.
fn has_no_shell(message: &str) -> bool {
    message.contains("executable file") && message.contains("not found in $PATH")
}

impl Environment for DockerEnvironment {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn engine(&self) -> &str {
        NAME
    }

    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn status(&self) -> Status {
        self.status.get()
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let active = self.make_active().await;
            active.map_err(|e| e.during("start the environment", &self.name))
        })
    }

    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(async move {
            let started = self.begin(&command).await;
            started.map_err(|e| e.during("execute", command.program()))
        })
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let copied = match self.status.require_running() {
                Ok(()) => self.bring_in(source, target).await,
                Err(error) => Err(error),
            };
            copied.map_err(|e| e.during("copy in", target))
        })
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let copied = match self.status.require_running() {
                Ok(()) => self.bring_out(source, target).await,
                Err(error) => Err(error),
            };
            copied.map_err(|e| e.during("copy out", source))
        })
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let ended = self.end().await;
            ended.map_err(|e| e.during("destroy the environment", &self.name))
        })
    }

    fn destroy_blocking(&self) {
        if self.status.get() == Status::Destroyed {
            return;
        }
        let _ = self.status.advance(Status::Destroying);
        self.close_shells();
        if remove::in_background(&self.container.docker, &self.container.id) {
            let _ = self.status.advance(Status::Destroyed);
        }
        self.disarm();
    }

    fn keep(&self) {
        self.disarm();
    }
}
