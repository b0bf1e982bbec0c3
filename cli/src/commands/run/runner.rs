//! One run: chooses an engine, creates the environment, runs the command, destroys the environment.

use std::path::PathBuf;
use std::time::Duration;

use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, Event, EventKind, Execution, Feature, Lifetime,
    Main, Manager, Selection, Subject,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Client;
use crate::commands::environment_options::EnvironmentOptions;
use crate::commands::pull_progress::{PullDisplay, Transfer};
use crate::commands::stream::{Sink, Streamed, stream};
use crate::console::Console;
use crate::error::{CliError, brief};
use crate::events_during::events_during;
use crate::exit_code;
use crate::registry::DOCKER;
use crate::signal_proxy::SignalProxy;
use crate::signals::{Interrupted, Stop};

/// The time that a creation may still take after a signal.
const CREATION_TIMEOUT: Duration = Duration::from_secs(1);

/// The parts of a run.
pub(super) struct Runner<'a> {
    pub(super) client: &'a Client,
    pub(super) manager: &'a Manager,
    pub(super) options: &'a EnvironmentOptions,
    pub(super) choice: EngineChoice,
    pub(super) spec: EnvironmentSpec,
    pub(super) command: Command,
    /// Whether the command is restarted automatically.
    pub(super) restarts: bool,
    pub(super) keep: bool,
    /// The directory in which a failed command is described.
    pub(super) bundle: Option<PathBuf>,
    pub(super) console: Console,
}

/// Why a run ended before its command exited.
enum Aborted {
    Failed(CliError),
    Interrupted(u8),
}

impl<E: Into<CliError>> From<E> for Aborted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Interrupted> for Aborted {
    fn from(Interrupted(code): Interrupted) -> Self {
        Self::Interrupted(code)
    }
}

impl Runner<'_> {
    /// Runs the command, and destroys the environment in every case. Returns the exit code.
    pub(super) async fn run(self, mut stop: Stop) -> Result<u8, CliError> {
        let mut sink = Sink::new(self.console);
        // Declared here, so that the handle is dropped after the manager's shutdown. An earlier
        // drop would destroy the environment while the shutdown destroys it, too.
        let mut environment = None;
        let outcome = Box::pin(self.run_command(&mut environment, &mut sink, &mut stop)).await;
        if matches!(outcome, Err(Aborted::Interrupted(_))) {
            self.console
                .note("interrupted; cleaning up (a second signal exits at once)");
        }
        let cleaned = self.manager.shutdown().await;
        let left = |error: isolation::Error| {
            let ids = self
                .manager
                .environments()
                .into_iter()
                .map(|left| left.id.to_string());
            let ids = ids.collect::<Vec<_>>().join(" ");
            CliError::new("the environment could not be destroyed")
                .because(&error)
                .hint(format!("remove what is left with `isolate rm --force {ids}`"))
        };
        match (outcome, cleaned) {
            (Err(Aborted::Failed(failure)), Err(error)) => Err(failure.followed_by(left(error))),
            (_, Err(error)) => Err(left(error)),
            (Ok(code) | Err(Aborted::Interrupted(code)), Ok(())) => Ok(code),
            (Err(Aborted::Failed(failure)), Ok(())) => Err(failure),
        }
    }

    async fn run_command(
        &self,
        environment: &mut Option<Environment>,
        sink: &mut Sink,
        stop: &mut Stop,
    ) -> Result<u8, Aborted> {
        let select = self
            .options
            .select(self.manager, &self.choice, &self.spec, self.console);
        let selection = stop.or(select).await??;
        self.report_engine(&selection, sink).await?;
        let is_main = self.is_main(&selection);
        if is_main {
            let verify = self.options.lock.verify(self.manager, &selection, &self.spec);
            stop.or(Box::pin(verify)).await??;
        }
        let environment = environment.insert(self.create(&selection, is_main, sink, stop).await?);
        self.report_environment(environment, sink).await?;
        stop.check()?;
        let execution = stop.or(self.execute(environment, is_main)).await??;
        let proxy = SignalProxy::new(stop, self.console)?.supervised_by(environment);
        let streaming = stream(execution, sink, self.command.timeout, proxy);
        let streamed = match self.restarts {
            true => Box::pin(self.reporting_restarts(Box::pin(streaming))).await,
            false => Box::pin(streaming).await,
        };
        if let Ok(Streamed::Interrupted(interrupted)) = streamed {
            return Err(interrupted.into());
        }
        if let Some(why) = environment.stopped_because() {
            self.console
                .warning(&format!("the environment was stopped: {why}"));
            sink.event(json!({ "type": "stopped", "reason": why })).await?;
        }
        let streamed = streamed?;
        streamed.report(sink, self.console).await?;
        let code = streamed.code();
        // After a signal there is no time for a description.
        let describes = code != exit_code::SUCCESS && stop.check().is_ok();
        if let Some(parent) = self.bundle.as_ref().filter(|_| describes) {
            let directory = stop.or(environment.bundle_in(parent)).await??;
            self.console
                .note(&format!("the failure is described in {}", directory.display()));
            sink.event(json!({ "type": "bundle", "directory": directory }))
                .await?;
        }
        Ok(code)
    }

    /// Whether the command becomes the main process, which is cheaper than an exec in an idle
    /// environment. It does not if the environment is kept or shared, because the environment then
    /// outlives the command. It does not if the environment has a condition or exposes ports of
    /// this machine, because it must be ready before the command starts. It does not on a terminal,
    /// because only an exec has the size of the terminal from the start. It does not with a lock,
    /// because packages of the lock are installed before it starts. A command that may be restarted
    /// is always the main process.
    fn is_main(&self, selection: &Selection) -> bool {
        if self.restarts {
            return true;
        }
        self.spec.lifetime == Lifetime::Owner
            && self.spec.main == Main::Idle
            && self.spec.ready.is_none()
            && self.spec.network.expose_host.is_empty()
            && !self.copies_after_the_start()
            && !self.options.lock.is_given()
            && self.command.terminal.is_none()
            && selection.capabilities.has(Feature::MainProcess)
    }

    /// Whether the target of a copy may exist only while the environment runs: in a mount, or in a
    /// directory that an engine mounts itself.
    fn copies_after_the_start(&self) -> bool {
        let own = ["/dev", "/proc", "/sys", "/etc"];
        self.spec.copies.iter().any(|copy| {
            let target = copy.target.as_str();
            !self.spec.mounts.is_empty() || own.iter().any(|directory| target.starts_with(directory))
        })
    }

    /// Creates the environment and displays the pull of its image. It is not started yet if the
    /// command is its main process. A signal cancels a pull at once;
    /// otherwise the creation gets time to be completed, so that cleanup can await the destruction.
    async fn create(
        &self,
        selection: &Selection,
        is_main: bool,
        sink: &mut Sink,
        stop: &Stop,
    ) -> Result<Environment, Aborted> {
        let mut events = self.manager.subscribe();
        let mut spec = self.spec.clone();
        if is_main {
            spec.main = Main::Command(self.command.clone());
        }
        let mut creating = Box::pin(async {
            match is_main {
                true => Ok(self.manager.create_unstarted(selection, spec).await?),
                false => self.options.lock.create(self.manager, selection, spec).await,
            }
        });
        let mut stop = stop.clone();
        let mut late = stop.clone();
        let mut late = Box::pin(async move {
            let interrupted = late.wait().await;
            sleep(CREATION_TIMEOUT).await;
            interrupted
        });
        let mut display = PullDisplay::new(self.console, Transfer::Pull);
        loop {
            tokio::select! {
                biased;
                // This comes first, because the ID of a failed creation is known, too.
                Some(event) = events.next() => {
                    // Missed ones are left out.
                    let Ok(event) = event else { continue };
                    self.mark_generated(&event);
                    if let EventKind::BundleWritten { directory } = &event.kind {
                        self.console.note(&format!("the failure is described in {directory}"));
                    }
                    if let Some(line) = displayed(&mut display, &event) {
                        sink.event(line).await?;
                    }
                }
                created = &mut creating => {
                    return created.map_err(|error| self.with_hint(selection, error).into());
                }
                interrupted = &mut late => return Err(interrupted.into()),
                interrupted = stop.wait(), if display.is_pulling() => return Err(interrupted.into()),
            }
        }
    }

    /// Warns of each restart during `work`: what the command had in memory is lost.
    async fn reporting_restarts<T>(&self, work: impl Future<Output = T>) -> T {
        let mut last = None;
        let report = |event: Event| match event.kind {
            EventKind::Exited { exit } => last = Some(exit),
            EventKind::Restarted => self.console.warning(&match last.take() {
                Some(exit) => format!("the environment was restarted: its main process ended: {exit}"),
                None => "the environment was restarted".to_owned(),
            }),
            _ => {}
        };
        events_during(self.manager.subscribe(), work, report).await
    }

    /// Adds a hint if the user did not choose the image that failed.
    fn with_hint(&self, selection: &Selection, error: CliError) -> CliError {
        match (self.spec.image.as_deref(), selection.engine.name()) {
            (None, DOCKER) if !self.options.lock.is_given() => {
                error.hint("name an image with --image, or use --engine basic")
            }
            _ => error,
        }
    }

    /// Starts the command.
    async fn execute(&self, environment: &Environment, is_main: bool) -> isolation::Result<Execution> {
        match is_main {
            true => environment.start_attached().await,
            false => environment.execute(self.command.clone()).await,
        }
    }

    async fn report_engine(&self, selection: &Selection, sink: &mut Sink) -> Result<(), CliError> {
        let name = selection.engine.name();
        if self.choice == EngineChoice::Auto {
            self.console.note(&format!("using engine {name}"));
            for skipped in &selection.rejected {
                let text = skipped.to_string();
                let text = if self.console.verbose { text } else { brief(&text) };
                self.console.note(&format!("skipped {text}"));
            }
        }
        let skipped = &selection.rejected;
        sink.event(json!({ "type": "engine", "engine": name, "skipped": skipped }))
            .await
    }

    /// Marks the ID and a generated name of a new environment, so that a recording contains
    /// placeholders for them.
    fn mark_generated(&self, event: &Event) {
        if let (Subject::Environment { id, name, .. }, EventKind::Creating) = (&event.subject, &event.kind) {
            self.client.generated(id.as_str());
            if self.spec.name.is_none() {
                self.client.generated(name);
            }
        }
    }

    async fn report_environment(&self, environment: &Environment, sink: &mut Sink) -> Result<(), CliError> {
        let (id, name) = (environment.id(), environment.name());
        if self.keep && self.console.quiet {
            self.console.prompt(&format!("{id}\n"));
        } else if self.keep {
            self.console
                .note(&format!("keeping the environment {name} ({id})"));
        } else {
            self.console
                .detail(&format!("created the environment {name} ({id})"));
        }
        sink.event(json!({ "type": "environment", "id": id, "name": name, "kept": self.keep }))
            .await
    }
}

/// Displays the event of a pull; returns it as a JSON event.
fn displayed(display: &mut PullDisplay, event: &Event) -> Option<Value> {
    match (&event.subject, &event.kind) {
        (Subject::Image { image, .. }, EventKind::Pull(progress)) => Some(display.update(image, progress)),
        _ => None,
    }
}
