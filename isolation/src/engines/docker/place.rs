//! Where commands run, and what can be asked about it.

use std::time::Duration;

use engine_api::Docker;
use engine_api::common::Timestamp;
use engine_api::containers::{InspectContainer, TopContainer};
use engine_api::exec::CreateExec;
use engine_api::system::{EventFilters, ListenEvents};
use tokio::time::timeout;

use crate::BoxFuture;
use crate::command::Signal;

/// An answer to "has it ended?" on its way.
pub(super) type Look = BoxFuture<'static, engine_api::Result<Option<i64>>>;

/// How long no event comes after the last one that an engine remembers.
const SILENCE: Duration = Duration::from_millis(250);

/// A container, and who runs it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) docker: Docker,
    pub(super) container: String,
    pub(super) podman: bool,
}

impl Place {
    /// The exit code, if a command has ended. `running: false` alone also means "not started yet".
    pub(super) fn ended(self, exec: String) -> Look {
        Box::pin(async move {
            let exec = self.docker.execs().inspect(&exec).await?;
            Ok(exec.exit_code.filter(|_| !exec.running))
        })
    }

    /// Whether the kernel has killed something in the container for want of memory since a command began.
    ///
    /// The events say it most exactly. An engine that has forgotten the beginning among others, or does not
    /// tell events, may know it of the container as a whole; Podman does so for the first process only.
    pub(super) async fn was_out_of_memory(&self, exec: &str) -> engine_api::Result<bool> {
        if let Some(known) = self.memory_events(exec).await {
            return Ok(known);
        }
        let containers = self.docker.containers();
        let container = containers
            .inspect(&self.container, InspectContainer::default())
            .await?;
        Ok(container.state.oom_killed)
    }

    /// Whether there is an event that says so; `None` when the command's beginning is not among them.
    async fn memory_events(&self, exec: &str) -> Option<bool> {
        let filters = EventFilters {
            container: vec![self.container.clone()],
            ..EventFilters::default()
        };
        let remembered = ListenEvents {
            since: Some(Timestamp::new(1, 0)),
            filters,
            ..ListenEvents::default()
        };
        let mut events = self.docker.system().events(remembered).await.ok()?;
        let mut known = None;
        // What is remembered comes at once, and the clock of the engine, which could say where it ends, may
        // be another.
        while let Ok(Some(Ok(event))) = timeout(SILENCE, events.next()).await {
            match event.verb() {
                "exec_start" if event.actor.attributes.get("execID").is_some_and(|id| id == exec) => {
                    known = Some(false);
                }
                "oom" if known.is_some() => return Some(true),
                _ => {}
            }
        }
        known
    }

    /// Whether a process of this group still runs; where the engine cannot tell, none does.
    pub(super) async fn has_group(&self, group: i64) -> bool {
        let ps_args = "-eo pid,pgid,args".to_owned();
        let containers = self.docker.containers();
        let top = containers.top(&self.container, TopContainer { ps_args }).await;
        top.is_ok_and(|table| table.column("PGID").any(|found| found == group.to_string()))
    }

    /// Signals a process group; one that is gone is no failure, nor is a container that is.
    ///
    /// It does not wait for the signal to arrive: Docker tells the ends of commands one after the other, so
    /// that of `kill` would wait for that of the killed, and that for somebody who reads its output.
    pub(super) async fn signal(&self, group: u32, signal: Signal) -> engine_api::Result<()> {
        let script = format!("kill -{} -{group}", signal.name());
        let kill = CreateExec {
            cmd: ["sh", "-c", &script].into(),
            ..CreateExec::default()
        };
        let execs = self.docker.execs();
        let sent = match execs.create(&self.container, kill).await {
            Ok(created) => execs.start_detached(&created.id).await,
            Err(error) => Err(error),
        };
        match sent {
            Err(error) if !(error.is_not_found() || error.is_conflict()) => Err(error),
            _ => Ok(()),
        }
    }
}
