//! Start, stop, kill, wait and inspect of an environment's container.

use std::time::Duration;

use engine_api::containers::{Container, ContainerState, KillContainer, StopContainer, WaitCondition};
use tokio::time::timeout;

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::owner::OwnerLink;
use super::{connect, health, labels, limits};
use crate::BoxFuture;
use crate::command::execution::Execution;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engine::instance::{InstanceState, MainProcess, Recreate};
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};

/// How long the daemon may take beyond the grace period of a stop. It reports the end only after
/// its own cleanup, and some versions never report it.
const STOP_MARGIN: Duration = Duration::from_secs(15);

/// How long a container may take to end after a kill.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl DockerInstance {
    /// Until when the environment lives, and what ends it then.
    fn lifetime(&self, container: &Container) -> &'static str {
        if self.is_kept() {
            return "kept";
        }
        match &self.launcher.made {
            Some(made) => made.blueprint.link().describe(),
            // Another process is the owner.
            None if container.config.stdin_once => OwnerLink::Idle.describe(),
            None => OwnerLink::None.describe(),
        }
    }

    /// The container as the daemon sees it; `None` if it does not exist.
    pub(super) async fn container(&self) -> Result<Option<Container>> {
        match self.container.inspect().await {
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
            .with_detail("container", self.container.id())
            .with_detail("container_id", container.id.as_str())
            .with_detail("image", self.image.as_str())
            .with_detail("daemon", self.container.docker.address())
            .with_detail("lifetime", self.lifetime(&container));
        if self.container.shell.get().is_none() {
            seen = seen.with_detail("shell", "none: commands run, but nothing can signal them");
        }
        if let Some(network) = &self.network {
            seen = seen.with_detail("network", network.name());
        }
        for (name, network) in &self.own_networks {
            seen = seen.with_detail(&format!("network.{name}"), network.name());
        }
        seen.networks = connect::joined(&container);
        seen.limits = Some(limits::in_force(&container.host_config));
        seen.health = state.health.as_ref().and_then(health::found);
        seen.exit = (self.has_main && seen.status == Status::Stopped).then(|| exit(state));
        Ok(seen)
    }

    /// Resumes a paused container: Podman stops no paused one, and kills it only after seconds. A
    /// container that does not run has nothing to end; returns whether it runs.
    async fn resume(&self) -> Result<bool> {
        let Some(container) = self.container().await? else {
            return Err(Error::lost());
        };
        if container.state.paused {
            let containers = self.container.docker.containers();
            match containers.unpause(self.container.id()).await {
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
        match timeout(limit, containers.stop(self.container.id(), options)).await {
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
        match containers.kill(self.container.id(), options).await {
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

    /// Ends the link to the owner. Another process than the owner can do that only for a container
    /// that does nothing, by a signal.
    pub(super) async fn keep_container(&self) -> Result<()> {
        if let Some(made) = &self.launcher.made {
            made.owner.keep().await.map_err(to_error)?;
            return Ok(());
        }
        let Some(container) = self.container().await? else {
            return Err(Error::lost());
        };
        if !container.state.running {
            // Its next run has no connection yet.
            return Ok(());
        }
        if self.has_main {
            let text = "only the process that created the environment can keep it while it runs";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let options = KillContainer {
            signal: "SIGUSR1".to_owned(),
        };
        let containers = self.container.docker.containers();
        let sent = containers.kill(self.container.id(), options).await;
        sent.map_err(to_error)
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
        let waiting = self
            .container
            .call(|name| async move { containers.wait(&name, WaitCondition::NotRunning).await });
        match waiting.await {
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

impl Recreate for DockerInstance {
    fn recreate(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            // Only the process that created it has this facet.
            let not_ours = || Error::new(ErrorKind::Unsupported, "another process has created it");
            let made = self.launcher.made.as_ref().ok_or_else(not_ours)?;
            self.close_shells();
            self.launcher.release_owner();
            *self.late_copies() = made.blueprint.late_copies(&self.launcher.working_dir)?;
            self.launcher.recreate(made).await
        })
    }
}

impl MainProcess for DockerInstance {
    fn wait(&self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.exit_of_main())
    }

    fn start_attached(&self) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(async {
            // The main process would not wait for them.
            self.check_late_copies()?;
            self.launcher.start_attached().await
        })
    }
}
