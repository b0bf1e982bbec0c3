//! A container in which commands run, and questions about its commands.

use std::time::Duration;

use engine_api::Docker;
use engine_api::common::Timestamp;
use engine_api::containers::{InspectContainer, TopContainer};
use engine_api::exec::CreateExec;
use engine_api::system::{EventFilters, ListenEvents};
use tokio::time::timeout;

use super::shell_program::ShellProgram;
use crate::BoxFuture;
use crate::command::signal::Signal;
use crate::error::{Error, ErrorKind};

/// A pending check whether a command has ended.
pub(super) type EndCheck = BoxFuture<'static, engine_api::Result<Option<i64>>>;

/// If no event comes for this long, all past events have been read.
const SILENCE: Duration = Duration::from_millis(250);

/// A container and its daemon.
#[derive(Debug, Clone)]
pub(super) struct ContainerRef {
    pub(super) docker: Docker,
    /// By what requests name it: its name, which it keeps if it has to be made anew.
    pub(super) id: String,
    /// Its name, for messages.
    pub(super) name: String,
    pub(super) podman: bool,
    pub(super) shell: ShellProgram,
}

impl ContainerRef {
    /// The exit code if a command has ended. `running: false` alone can also mean that it has not
    /// started.
    pub(super) fn ended(self, exec: String) -> EndCheck {
        Box::pin(async move {
            let exec = self.docker.execs().inspect(&exec).await?;
            Ok(exec.exit_code.filter(|_| !exec.running))
        })
    }

    /// Whether an OOM kill happened in the container since the exec started.
    ///
    /// The events are the most exact source. If the daemon has forgotten the start of the exec or
    /// reports no events, the state of the container is used. Podman sets that state for the first
    /// process only.
    pub(super) async fn was_out_of_memory(&self, exec: &str) -> engine_api::Result<bool> {
        if let Some(kills) = self.oom_kills(exec).await {
            return Ok(kills > 0);
        }
        self.oom_state().await
    }

    /// Whether the container's state reports an OOM kill.
    pub(super) async fn oom_state(&self) -> engine_api::Result<bool> {
        let containers = self.docker.containers();
        let container = containers.inspect(&self.id, InspectContainer::default()).await?;
        Ok(container.state.oom_killed)
    }

    /// The number of OOM events after the start of the exec; `None` if that start is not among the
    /// events.
    pub(super) async fn oom_kills(&self, exec: &str) -> Option<usize> {
        let filters = EventFilters {
            container: [self.id.clone()].into(),
            ..EventFilters::default()
        };
        let remembered = ListenEvents {
            since: Some(Timestamp::new(1, 0)),
            filters,
            ..ListenEvents::default()
        };
        let mut events = self.docker.system().events(remembered).await.ok()?;
        let mut known = None;
        // Past events come at once. An end time is not possible: the daemon's clock may differ from
        // ours.
        while let Ok(Some(Ok(event))) = timeout(SILENCE, events.next()).await {
            match event.verb() {
                "exec_start" if event.actor.attributes.get("execID").is_some_and(|id| id == exec) => {
                    known = Some(0);
                }
                "oom" => known = known.map(|kills| kills + 1),
                _ => {}
            }
        }
        known
    }

    /// The error of a command for a paused container.
    pub(super) fn is_paused(&self) -> Error {
        let name = &self.name;
        let text =
            format!("the container is paused, so no command can start; resume it: docker unpause {name}");
        Error::new(ErrorKind::Conflict, text)
    }

    /// Whether the container does not exist any more.
    pub(super) async fn is_gone(&self) -> bool {
        let containers = self.docker.containers();
        let found = containers.inspect(&self.id, InspectContainer::default()).await;
        found.is_err_and(|error| error.is_not_found())
    }

    /// Whether a process of this group still runs; `false` if the daemon cannot report it.
    pub(super) async fn has_group(&self, group: i64) -> bool {
        let ps_args = "-eo pid,pgid,args".to_owned();
        let containers = self.docker.containers();
        let top = containers.top(&self.id, TopContainer { ps_args }).await;
        top.is_ok_and(|table| table.column("PGID").any(|found| found == group.to_string()))
    }

    /// Sends a signal to a process group; does nothing if the group or the container does not
    /// exist.
    ///
    /// It does not wait until the signal has arrived. Docker reports the ends of commands one after
    /// the other: the end of `kill` would wait for the end of the killed command, and that for a
    /// reader of its output.
    pub(super) async fn signal(&self, group: u32, signal: Signal) -> engine_api::Result<()> {
        let Some(shell) = self.shell.get() else {
            return Ok(());
        };
        let script = format!("kill -{} -{group}", signal.name());
        let kill = CreateExec {
            cmd: [shell, "-c", &script].into(),
            ..CreateExec::default()
        };
        let execs = self.docker.execs();
        let sent = match execs.create(&self.id, kill).await {
            Ok(created) => execs.start_detached(&created.id).await,
            Err(error) => Err(error),
        };
        match sent {
            Err(error) if !(error.is_not_found() || error.is_conflict()) => Err(error),
            _ => Ok(()),
        }
    }
}
