//! `isolate up`: starts a group of environments.

use clap::Args;
use isolation::engines::docker::PullPolicy;
use isolation::{EngineChoice, Event, EventKind, Group, GroupSpec, Lifetime, Subject};
use serde_json::json;

use super::group_file::GroupFile;
use super::pull_progress::{PullDisplay, Transfer};
use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::session::Session;
use crate::signals;
use crate::table::table;

/// Start a group of environments from a file, and wait until all are ready
///
/// The file is a compose file, or a JSON file with a name and services. Services start in the order
/// of their dependencies, at the same time where possible. If one fails, all are removed, and the
/// error contains the last lines of its log. The group stays until `isolate down`. Its environments
/// are called GROUP/SERVICE.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Engine: auto, docker, or another one that has what the services need; see `isolate engines`
    /// [default: auto]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Has no effect: the group stays after this command, as with docker compose up -d
    #[arg(long, short)]
    detach: bool,
    #[command(flatten)]
    file: GroupFile,
}

impl Up {
    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        let mut group = self.file.read(console)?;
        for service in group.services.values_mut() {
            service.environment.lifetime = Lifetime::Kept;
        }
        group.validate()?;
        Session::with(
            global,
            client,
            PullPolicy::default(),
            async |session: &Session| {
                // A signal drops the start. The drop removes everything that was created.
                signals::interruptible(
                    console,
                    "removing everything that was created for the group",
                    Box::pin(self.up(session, global, group, console)),
                )
                .await
            },
        )
        .await
    }

    async fn up(
        &self,
        session: &Session,
        global: &Global,
        group: GroupSpec,
        console: Console,
    ) -> Result<u8, CliError> {
        let choice = match self.engine.as_deref() {
            Some("auto") => EngineChoice::Auto,
            Some(name) => EngineChoice::Named(name.to_owned()),
            None if global.names_a_daemon() => EngineChoice::Named(crate::registry::DOCKER.into()),
            None => global.settings.config().choice(),
        };
        let mut events = session.manager().subscribe();
        let mut display = PullDisplay::new(console, Transfer::Pull);
        let mut up = std::pin::pin!(session.manager().up(&choice, group));
        let group = loop {
            tokio::select! {
                group = &mut up => break group?,
                event = events.next() => match event {
                    Some(Ok(event)) => show(&mut display, &event, console),
                    // The missed ones were steps of a pull, or lines of a build.
                    Some(Err(_)) => {}
                    None => break up.await?,
                },
            }
        };
        display.end()?;
        report(&group, console).await?;
        Ok(exit_code::SUCCESS)
    }
}

/// Shows pulls and builds on standard error.
fn show(display: &mut PullDisplay, event: &Event, console: Console) {
    match (&event.subject, &event.kind) {
        (Subject::Image { image, .. }, EventKind::Pull(progress)) => {
            display.update(image, progress);
        }
        (_, EventKind::BuildOutput { text }) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .for_each(|line| console.note(line)),
        _ => {}
    }
}

async fn report(group: &Group, console: Console) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for (service, environment) in group.services() {
        let endpoints = match environment.endpoints().await {
            Ok(endpoints) => endpoints,
            Err(error) if error.is_unsupported() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if console.json {
            console.value(&json!({
                "service": service,
                "id": environment.id(),
                "name": environment.name(),
                "status": environment.status(),
                "endpoints": endpoints,
            }))?;
        }
        let ports = endpoints
            .iter()
            .map(|at| format!("{}/{} -> {at}", at.port, at.protocol));
        rows.push([
            service.to_owned(),
            environment.id().to_string(),
            environment.status().to_string(),
            ports.collect::<Vec<_>>().join(", "),
        ]);
    }
    match console.json {
        true => Ok(()),
        false => console.text(&table(["SERVICE", "ID", "STATUS", "PORTS"], &rows)),
    }
}
