//! A container in which commands run, and questions about its commands.

use std::sync::Arc;
use std::time::Duration;

use engine_api::common::Timestamp;
use engine_api::containers::{Container, InspectContainer, TopContainer};
use engine_api::exec::CreateExec;
use engine_api::system::{Event, EventFilters, ListenEvents};
use engine_api::{Docker, JsonLines};
use tokio::time::timeout;

use super::daemon::KnownDaemon;
use super::made_id::MadeId;
use super::oom::{CommandStart, Kills, ReportedKills};
use super::shell_program::ShellProgram;
use crate::BoxFuture;
use crate::command::signal::Signal;
use crate::environment::first::UNPAUSE;
use crate::environment::name::Name;
use crate::environment::status::Status;
use crate::error::Error;

/// A pending check whether a command has ended.
pub(super) type EndCheck = BoxFuture<'static, engine_api::Result<Option<i64>>>;

/// If no event comes for this long, all past events have been read.
const SILENCE: Duration = Duration::from_millis(250);

/// How long the event of an OOM kill that the kernel has counted may take.
const LATE: Duration = Duration::from_secs(10);

/// Prints how many processes the kernel has killed at the memory limit: of control groups of
/// version 2, or 1. Only builtins are used.
const OOM_COUNTER: &str = "unset -f echo read
for f in memory.events memory/memory.oom_control; do
[ -r /sys/fs/cgroup/$f ] || continue
while read -r name count; do [ \"$name\" = oom_kill ] && echo $count; done </sys/fs/cgroup/$f
exit
done";

/// A container and its daemon.
#[derive(Debug, Clone)]
pub(super) struct ContainerRef {
    pub(super) docker: Docker,
    /// By what requests name it: its name, which it keeps if it has to be made anew.
    pub(super) name: Arc<Name>,
    pub(super) made_id: Arc<MadeId>,
    pub(super) podman: bool,
    pub(super) shell: ShellProgram,
    /// The user of execs that signal processes.
    pub(super) control_user: &'static str,
    /// The daemon's description of itself, if it was read.
    pub(super) daemon: KnownDaemon,
    /// The OOM kills that were reported.
    pub(super) reported_kills: Arc<ReportedKills>,
}

impl ContainerRef {
    /// By what requests name it.
    pub(super) fn id(&self) -> &str {
        self.name.current()
    }

    /// Calls the daemon about the container. If the daemon does not know its name, somebody may
    /// have renamed it: then it is found by its ID, and the call is made once more.
    pub(super) async fn call<T, F>(&self, call: impl Fn(String) -> F) -> engine_api::Result<T>
    where
        F: Future<Output = engine_api::Result<T>>,
    {
        let used = self.id();
        match call(used.to_owned()).await {
            Err(error) if self.is_renamed(used, &error).await => call(self.id().to_owned()).await,
            outcome => outcome,
        }
    }

    /// Whether a call has failed because somebody has renamed the container. From then on, requests
    /// have its new name.
    pub(super) async fn is_renamed(&self, used: &str, error: &engine_api::Error) -> bool {
        // The reply to a HEAD request has no message. Other things may be missing, too.
        let message = error.message().unwrap_or_default().to_lowercase();
        let about_it = ["without a message", "no such container"];
        let about_it = about_it.iter().any(|text| message.contains(text));
        if !(error.is_not_found() && about_it) {
            return false;
        }
        // Another call may have found it meanwhile.
        if self.id() != used {
            return true;
        }
        let Some(id) = self.made_id.get() else {
            return false;
        };
        let containers = self.docker.containers();
        match containers.inspect(&id, InspectContainer::default()).await {
            Ok(found) => self.name.change(found.plain_name()),
            Err(_) => false,
        }
    }

    /// The container as the daemon sees it.
    pub(super) async fn inspect(&self) -> engine_api::Result<Container> {
        let containers = self.docker.containers();
        self.call(|name| async move { containers.inspect(&name, InspectContainer::default()).await })
            .await
    }

    /// The exit code if a command has ended. `running: false` alone can also mean that it has not
    /// started.
    pub(super) fn ended(self, exec: String) -> EndCheck {
        Box::pin(async move {
            let exec = self.docker.execs().inspect(&exec).await?;
            Ok(exec.exit_code.filter(|_| !exec.running))
        })
    }

    /// Whether a command that has ended with 137 was killed at the memory limit.
    ///
    /// The events are the most exact source. If the daemon has forgotten the start of the exec or
    /// reports no events, the state of the container is used. Podman sets that state for the first
    /// process only.
    pub(super) async fn was_out_of_memory(&self, start: CommandStart<'_>) -> engine_api::Result<bool> {
        if self.podman {
            return self.oom_counter_grew().await;
        }
        let Some((mut kills, mut events)) = self.oom_kills(start.exec).await else {
            return self.oom_state().await;
        };
        if self.reported_kills.report(start, &kills) {
            return Ok(true);
        }
        // On a busy machine, the event can be later than the end of the command.
        let counted = self.oom_count().await.unwrap_or(0);
        if !self.reported_kills.counts(counted) || counted <= kills.since_start {
            return Ok(false);
        }
        let late = async {
            while let Some(Ok(event)) = events.next().await {
                kills.add(&event, start.exec);
                if self.reported_kills.report(start, &kills) {
                    return true;
                }
            }
            false
        };
        Ok(timeout(LATE, late).await.unwrap_or(false))
    }

    /// Whether the kernel has counted an OOM kill in the container that was not reported before.
    /// Podman has no event for it.
    async fn oom_counter_grew(&self) -> engine_api::Result<bool> {
        let Some(count) = self.oom_count().await else {
            return self.oom_state().await;
        };
        Ok(self.reported_kills.counts(count))
    }

    /// The number of OOM kills that the kernel has counted in the running container since its
    /// start; `None` if it cannot be read.
    pub(super) async fn oom_count(&self) -> Option<u64> {
        let read = CreateExec {
            cmd: [self.shell.get()?, "-c", OOM_COUNTER].into(),
            attach_stdout: true,
            attach_stderr: true,
            ..CreateExec::default()
        };
        let ended = self.docker.execs().run(self.id(), read).await.ok()?;
        String::from_utf8_lossy(&ended.stdout).trim().parse().ok()
    }

    /// Whether the container's state reports an OOM kill.
    pub(super) async fn oom_state(&self) -> engine_api::Result<bool> {
        Ok(self.inspect().await?.state.oom_killed)
    }

    /// The past OOM events, and a stream of those that come; `None` if the start of the exec is not
    /// among the past events.
    async fn oom_kills(&self, exec: &str) -> Option<(Kills, JsonLines<Event>)> {
        let filters = EventFilters {
            container: [self.id().to_owned()].into(),
            ..EventFilters::default()
        };
        let remembered = ListenEvents {
            since: Some(Timestamp::new(1, 0)),
            filters,
            ..ListenEvents::default()
        };
        let mut events = self.docker.system().events(remembered).await.ok()?;
        let mut kills = Kills::default();
        // Past events come at once. An end time is not possible: the daemon's clock may differ from
        // ours.
        while let Ok(Some(Ok(event))) = timeout(SILENCE, events.next()).await {
            kills.add(&event, exec);
        }
        kills.exec_start.is_some().then_some((kills, events))
    }

    /// The error of a command for a paused container.
    pub(super) fn is_paused(&self) -> Error {
        Error::wrong_status(Status::Paused, UNPAUSE).observed(Status::Paused)
    }

    /// Whether the container does not exist any more.
    pub(super) async fn is_gone(&self) -> bool {
        self.inspect().await.is_err_and(|error| error.is_not_found())
    }

    /// Whether a process of this group still runs; `false` if the daemon cannot report it.
    pub(super) async fn has_group(&self, group: i64) -> bool {
        let ps_args = "-eo pid,pgid,args".to_owned();
        let containers = self.docker.containers();
        let top = containers.top(self.id(), TopContainer { ps_args }).await;
        top.is_ok_and(|table| table.column("PGID").any(|found| found == group.to_string()))
    }

    /// Sends a signal to a process group; does nothing if the group or the container does not
    /// exist.
    ///
    /// It does not wait until the signal has arrived. Docker reports the ends of commands one after
    /// the other: the end of `kill` would wait for the end of the killed command, and that for a
    /// reader of its output.
    pub(super) async fn signal(&self, group: u32, signal: Signal, user: &str) -> engine_api::Result<()> {
        let Some(shell) = self.shell.get() else {
            return Ok(());
        };
        let script = format!("kill -{} -{group}", signal.name());
        let kill = CreateExec {
            cmd: [shell, "-c", &script].into(),
            user: user.to_owned(),
            ..CreateExec::default()
        };
        let execs = self.docker.execs();
        let creating = self.call(|name| {
            let kill = kill.clone();
            async move { execs.create(&name, kill).await }
        });
        let sent = match creating.await {
            Ok(created) => execs.start_detached(&created.id).await,
            Err(error) => Err(error),
        };
        match sent {
            Err(error) if !(error.is_not_found() || error.is_conflict()) => Err(error),
            _ => Ok(()),
        }
    }
}
