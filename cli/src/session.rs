//! The manager of one command of this program, and the file of its events.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use isolation::engines::docker::{DockerEngine, PullPolicy};
use isolation::{Environment, Event, EventKind, Group, Manager, ManagerOptions, Subscription};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::console::{Console, line};
use crate::error::CliError;
use crate::events_during::events_during;
use crate::exit_code;
use crate::global::Global;
use crate::{registry, signals};

/// The manager of one command, and the file of its events.
#[derive(Debug)]
pub(crate) struct Session {
    manager: Manager,
    events: Option<EventFile>,
    /// Whether a recorder or player is in front of the daemon.
    is_recorded: bool,
}

impl Session {
    /// Opens the engines, and the file that `--events` names.
    pub(crate) async fn open(global: &Global, client: &Client, policy: PullPolicy) -> Result<Self, CliError> {
        Self::with_bundles(global, client, policy, None).await
    }

    /// As [`open`](Self::open); failures are described in a directory.
    pub(crate) async fn with_bundles(
        global: &Global,
        client: &Client,
        policy: PullPolicy,
        bundle_directory: Option<PathBuf>,
    ) -> Result<Self, CliError> {
        signals::pass_on_none()?;
        let options = ManagerOptions {
            // A replay creates nothing.
            journal: global.replay.is_none(),
            bundle_directory,
            ..ManagerOptions::default()
        };
        #[cfg(unix)]
        options.reaper.check()?;
        let manager = Manager::with_options(registry::open(client, policy)?, options);
        client.generated(manager.session());
        let events = match &global.events {
            Some(file) => Some(EventFile::create(file, manager.subscribe()).await?),
            None => None,
        };
        Ok(Self {
            manager,
            events,
            is_recorded: global.record.is_some() || global.replay.is_some(),
        })
    }

    /// Opens the session, calls `work` with it, and closes it, also after an error.
    pub(crate) async fn with(
        global: &Global,
        client: &Client,
        policy: PullPolicy,
        work: impl AsyncFnOnce(&Self) -> Result<u8, CliError>,
    ) -> Result<u8, CliError> {
        let session = Self::open(global, client, policy).await?;
        let outcome = session.warning(Console::new(global), work(&session)).await;
        session.close(outcome).await
    }

    /// Warns of each default limit without which an environment runs, during `work`.
    pub(crate) async fn warning<T>(&self, console: Console, work: impl Future<Output = T>) -> T {
        let report = |event: Event| {
            if let EventKind::DefaultLimitIgnored { limit, reason } = &event.kind {
                console.warning(&format!("running without the default {limit}: {reason}"));
            }
        };
        Box::pin(events_during(self.manager.subscribe(), work, report)).await
    }

    /// Whether the traffic with the daemon is recorded or replayed.
    pub(crate) fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    /// The engine that uses containers.
    pub(crate) fn docker(&self) -> Result<&DockerEngine, CliError> {
        let engine = self.manager.registry().get_as::<DockerEngine>(registry::DOCKER);
        engine.ok_or_else(|| CliError::new("the engine docker is not registered"))
    }

    /// The engine that uses namespaces of Linux, and keeps images of its own.
    #[cfg(target_os = "linux")]
    pub(crate) fn sandbox(&self) -> Result<&isolation::engines::sandbox::SandboxEngine, CliError> {
        let engine = self.manager.registry().get_as("sandbox");
        engine.ok_or_else(|| CliError::new("the engine sandbox is not registered"))
    }

    /// The group to which an environment belongs. While this process has it, a start of the
    /// environment also starts the members again that have its network. If the group cannot be
    /// opened, a warning says so, and the environment alone can be started.
    pub(crate) async fn group_of(&self, environment: &Environment, console: Console) -> Option<Group> {
        let name = &environment.spec().group.as_ref()?.group;
        let error = match self.manager.group(name).await {
            Ok(group) => return Some(group),
            Err(error) => error,
        };
        // All of its members may have other names now.
        if !error.is_not_found() {
            let mut why = error.to_string();
            if let Some(source) = error.source() {
                why = format!("{why}: {source}");
            }
            console.warning(&format!(
                "services that have the network of {} are not started again: {why}",
                environment.name()
            ));
        }
        None
    }

    /// Calls `work` for each environment, and prints the name that the user gave. It continues
    /// after an error, and then returns the exit code of an error.
    pub(crate) async fn each(
        &self,
        references: &[String],
        console: Console,
        work: impl AsyncFn(&Environment) -> isolation::Result<()>,
    ) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for reference in references {
            let done = match self.manager.open(reference).await {
                Ok(environment) => work(&environment).await.map(|()| environment),
                Err(error) => Err(error),
            };
            match done {
                Ok(environment) if console.json => {
                    console.value(&json!({ "id": environment.id(), "name": environment.name() }))?;
                }
                Ok(_) => console.text(&format!("{reference}\n"))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }

    /// Calls `work` for each name, and prints the name. It continues after an error, and then
    /// returns the exit code of an error.
    pub(crate) async fn each_name(
        &self,
        names: &[String],
        console: Console,
        work: impl AsyncFn(&str) -> isolation::Result<()>,
    ) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for name in names {
            match work(name).await {
                Ok(()) if console.json => console.value(&json!({ "name": name }))?,
                Ok(()) => console.text(&format!("{name}\n"))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }

    /// Writes the remaining events; returns the outcome of the command.
    pub(crate) async fn close(self, outcome: Result<u8, CliError>) -> Result<u8, CliError> {
        let Self { manager, events, .. } = self;
        // Its drop destroys the remaining environments, and sends events.
        drop(manager);
        let written = match events {
            Some(events) => events.close().await,
            None => Ok(()),
        };
        outcome.and_then(|code| written.map(|()| code))
    }
}

/// A file with one JSON object per event, written by a task: a slow disk delays no work.
#[derive(Debug)]
struct EventFile {
    close: oneshot::Sender<()>,
    task: JoinHandle<Result<(), CliError>>,
}

impl EventFile {
    async fn create(path: &Path, events: Subscription) -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(format!("cannot write the events to {}", path.display())).because(&error)
        };
        let file = File::create(path).await.map_err(failed)?;
        let (close, closed) = oneshot::channel();
        let task = tokio::spawn(write(BufWriter::new(file), events, closed));
        Ok(Self { close, task })
    }

    async fn close(self) -> Result<(), CliError> {
        // Sending fails if the task has ended with an error. That error is read next.
        let _ = self.close.send(());
        match self.task.await {
            Ok(written) => written,
            Err(ended) => Err(CliError::new("the events were not written").because(&ended)),
        }
    }
}

async fn write(
    mut file: BufWriter<File>,
    mut events: Subscription,
    mut closed: oneshot::Receiver<()>,
) -> Result<(), CliError> {
    loop {
        // `biased` polls in this order, so that events that were sent before the close are written.
        let text = tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => line(&event)?,
                Some(Err(lagged)) => line(&json!({ "type": "missed", "count": lagged.0 }))?,
                None => break,
            },
            _ = &mut closed => break,
        };
        file.write_all(&text)
            .await
            .map_err(|error| CliError::output(&error))?;
        file.flush().await.map_err(|error| CliError::output(&error))?;
    }
    file.flush().await.map_err(|error| CliError::output(&error))
}
