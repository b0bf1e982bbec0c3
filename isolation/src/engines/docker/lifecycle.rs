//! Start, stop, kill, wait and inspect of an environment's container.

use std::time::Duration;

use engine_api::containers::{
    Container, ContainerState, InspectContainer, KillContainer, StartContainer, StopContainer, WaitCondition,
};
use tokio::time::timeout;

use super::NAME;
use super::diagnostics::{ContainerDiagnostics, to_error};
use super::instance::DockerInstance;
use super::labels;
use crate::BoxFuture;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engine::instance::{InstanceState, MainProcess};
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};

/// How long the daemon may take beyond the grace period of a stop. It reports the end only after
/// its own cleanup, and some versions never report it.
const STOP_MARGIN: Duration = Duration::from_secs(15);

/// How long a container may take to end after a kill.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl DockerInstance {
    /// The container as the daemon sees it; `None` if it does not exist.
    async fn container(&self) -> Result<Option<Container>> {
        let containers = self.container.docker.containers();
        match containers
            .inspect(&self.container.id, InspectContainer::default())
            .await
        {
            Ok(container) => Ok(Some(container)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(to_error(error)),
        }
    }

    pub(super) async fn look(&self) -> Result<InstanceState> {
        let Some(container) = self.container().await? else {
            return Ok(InstanceState::new(Status::Lost));
        };
        let state = &container.state;
        let mut seen = InstanceState::new(labels::status(&state.status))
            .with_detail("container", self.container.name.as_str())
            .with_detail("container_id", container.id.as_str())
            .with_detail("image", self.image.as_str())
            .with_detail("daemon", self.container.docker.address());
        if self.container.shell.get().is_none() {
            seen = seen.with_detail("shell", "none: commands run, but nothing can signal them");
        }
        seen.paused = state.paused;
        seen.exit = (self.has_main && seen.status == Status::Stopped).then(|| exit(state));
        Ok(seen)
    }

    pub(super) async fn start_container(&self) -> Result<()> {
        let containers = self.container.docker.containers();
        let started = containers
            .start(&self.container.id, StartContainer::default())
            .await;
        match started {
            Ok(_) => Ok(()),
            Err(error) => Err(self.start_error(error).await),
        }
    }

    /// The error of a failed start. The daemon reports it with an exit code of the container, too,
    /// but no program has run.
    async fn start_error(&self, error: engine_api::Error) -> Error {
        if error.is_unreachable() {
            return to_error(error);
        }
        if error.is_not_found() && self.container.is_gone().await {
            return Error::lost();
        }
        let message = error.message().unwrap_or_default();
        if !self.has_main && start_failure(message) == Some(StartFailure::NoProgram) {
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
        ContainerDiagnostics::look(&self.container.docker, &self.container.id, what, Some(error)).await
    }

    /// Resumes a paused container: Podman stops no paused one, and kills it only after seconds. A
    /// container that does not run has nothing to end; returns whether it runs.
    async fn resume(&self) -> Result<bool> {
        let Some(container) = self.container().await? else {
            return Err(Error::lost());
        };
        if container.state.paused {
            let containers = self.container.docker.containers();
            match containers.unpause(&self.container.id).await {
                // Somebody else has resumed or ended it.
                Err(error) if !(error.is_conflict() || error.status() == Some(500)) => {
                    return Err(to_error(error));
                }
                _ => {}
            }
        }
        Ok(container.state.running)
    }

    pub(super) async fn stop_container(&self, grace: Duration) -> Result<()> {
        if !self.resume().await? {
            return Ok(());
        }
        // A part of a second counts as a whole one: the daemon takes whole seconds.
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options = StopContainer {
            timeout: Some(i64::try_from(seconds).unwrap_or(i64::MAX)),
            ..StopContainer::default()
        };
        let containers = self.container.docker.containers();
        let limit = grace.saturating_add(STOP_MARGIN);
        match timeout(limit, containers.stop(&self.container.id, options)).await {
            Ok(Ok(_)) => {
                self.close_shells();
                // Docker 26 replies before it has noted the end: for some milliseconds its list
                // shows the container as running. An inspection waits for the note.
                self.container().await.map(drop)
            }
            Ok(Err(error)) if error.is_not_found() => Err(Error::lost()),
            Ok(Err(error)) => self.unless_ended(error).await,
            Err(_) => {
                let text = format!("the container did not end within {} s", limit.as_secs());
                Err(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    pub(super) async fn kill_container(&self, signal: Signal) -> Result<()> {
        if !self.resume().await? {
            return Ok(());
        }
        let containers = self.container.docker.containers();
        let options = KillContainer {
            signal: signal.name().to_owned(),
        };
        match containers.kill(&self.container.id, options).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => return Err(Error::lost()),
            Err(error) => self.unless_ended(error).await?,
        }
        if signal != Signal::Kill {
            return Ok(());
        }
        self.close_shells();
        match timeout(KILL_TIMEOUT, self.end()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => {
                let text = format!("the container did not end within {} s", KILL_TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    /// Success if the container has ended meanwhile: a signal to an ended process is an error of
    /// the daemon, with several statuses.
    async fn unless_ended(&self, error: engine_api::Error) -> Result<()> {
        match self.container().await? {
            Some(container) if container.state.running => Err(to_error(error)),
            _ => Ok(()),
        }
    }

    /// Waits until the container does not run, and returns its exit code.
    async fn end(&self) -> Result<i64> {
        let containers = self.container.docker.containers();
        let waited = containers
            .wait(&self.container.id, WaitCondition::NotRunning)
            .await;
        match waited {
            Ok(end) => Ok(end.status_code),
            Err(error) if error.is_not_found() => Err(Error::lost()),
            Err(error) => Err(to_error(error)),
        }
    }

    async fn exit_of_main(&self) -> Result<ExitStatus> {
        let code = self.end().await?;
        let exit = match self.container().await? {
            Some(container) => exit(&container.state),
            None => ExitStatus::from_code(i32::try_from(code).unwrap_or(-1)),
        };
        Ok(exit)
    }
}

/// How the first process ended. The daemon's flag is right for the first process, but it stays from
/// an earlier kill of another process.
fn exit(state: &ContainerState) -> ExitStatus {
    let code = i32::try_from(state.exit_code).unwrap_or(-1);
    ExitStatus {
        oom: state.oom_killed && code == 137,
        ..ExitStatus::from_code(code)
    }
}

/// Why a container could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StartFailure {
    NoProgram,
    NotExecutable,
    PortTaken,
}

/// The texts of runc, crun and the daemons.
const START_FAILURES: [(&str, StartFailure); 9] = [
    ("executable file not found", StartFailure::NoProgram),
    ("executable file `", StartFailure::NoProgram),
    ("no such file or directory", StartFailure::NoProgram),
    ("No such file or directory", StartFailure::NoProgram),
    ("permission denied", StartFailure::NotExecutable),
    ("Permission denied", StartFailure::NotExecutable),
    ("exec format error", StartFailure::NotExecutable),
    ("port is already allocated", StartFailure::PortTaken),
    ("address already in use", StartFailure::PortTaken),
];

fn start_failure(message: &str) -> Option<StartFailure> {
    let found = START_FAILURES.iter().find(|(text, _)| message.contains(text));
    found.map(|(_, failure)| *failure)
}

impl MainProcess for DockerInstance {
    fn wait(&self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.exit_of_main())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_failures_of_every_runtime_are_recognised() {
        use StartFailure::{NoProgram, NotExecutable, PortTaken};
        for (message, expected) in [
            (
                "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                 runc create failed: unable to start container process: exec: \"sh\": executable file not found \
                 in $PATH: unknown",
                Some(NoProgram),
            ),
            (
                "crun: executable file `no-such` not found in $PATH: No such file or directory: OCI runtime \
                 attempted to invoke a command that was not found",
                Some(NoProgram),
            ),
            (
                "runc create failed: unable to start container process: exec: \"/etc\": permission denied: unknown",
                Some(NotExecutable),
            ),
            (
                "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already \
                 allocated",
                Some(PortTaken),
            ),
            (
                "listen tcp4 127.0.0.1:80: bind: address already in use",
                Some(PortTaken),
            ),
            ("no space left on device", None),
        ] {
            assert_eq!(start_failure(message), expected, "{message}");
        }
    }
}
