//! From the choice of an engine to the exit code.

use isolation::engines::docker::PullProgress;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ExitStatus, Managed, Manager, Selection,
};
use serde_json::json;

use super::pull_progress::Shown;
use super::stream::{Sink, Streamed, stream};
use crate::client::Client;
use crate::console::Console;
use crate::error::{CliError, brief};
use crate::exit_code;
use crate::registry::{DOCKER, Pulling};
use crate::signals::{Interrupted, Stop};

/// Everything that a run needs.
pub(super) struct Runner<'a> {
    pub(super) client: &'a Client,
    pub(super) manager: &'a Manager,
    pub(super) choice: EngineChoice,
    pub(super) spec: EnvironmentSpec,
    pub(super) command: Command,
    pub(super) pulling: Pulling,
    pub(super) keep: bool,
    pub(super) console: Console,
}

/// Why a run did not come to its command's exit code.
enum Broken {
    Failed(CliError),
    Interrupted(u8),
}

impl<E: Into<CliError>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Interrupted> for Broken {
    fn from(Interrupted(code): Interrupted) -> Self {
        Self::Interrupted(code)
    }
}

impl Runner<'_> {
    /// Runs the command and destroys the environment, whatever happened.
    pub(super) async fn run(self, mut stop: Stop) -> Result<u8, CliError> {
        let mut sink = Sink::new(self.console);
        // Outlives the run: dropped before the manager destroys it, it would be destroyed twice at once.
        let mut made = None;
        let outcome = Box::pin(self.run_in(&mut made, &mut sink, &mut stop)).await;
        if matches!(outcome, Err(Broken::Interrupted(_))) {
            self.console
                .note("interrupted; cleaning up, a second signal does not wait for it");
        }
        let cleaned = self.manager.shutdown().await;
        let left =
            |error: isolation::Error| CliError::new("the environment could not be destroyed").because(&error);
        match (outcome, cleaned) {
            (Err(Broken::Failed(failure)), Err(error)) => {
                self.console.error(&left(error));
                Err(failure)
            }
            (_, Err(error)) => Err(left(error)),
            (Ok(code) | Err(Broken::Interrupted(code)), Ok(())) => Ok(code),
            (Err(Broken::Failed(failure)), Ok(())) => Err(failure),
        }
    }

    async fn run_in(
        &self,
        made: &mut Option<Managed>,
        sink: &mut Sink,
        stop: &mut Stop,
    ) -> Result<u8, Broken> {
        let select = self.manager.registry().select(&self.choice, &self.spec);
        let selection = stop.or(select).await??;
        self.tell_engine(&selection, sink).await?;
        let environment = made.insert(self.create(&selection, sink, stop).await?);
        self.tell_environment(environment, sink).await?;
        stop.check()?;
        let streamed = stop.or(self.stream(environment, sink)).await??;
        self.tell_end(&streamed, sink).await?;
        Ok(code(&streamed))
    }

    /// Creates the environment, and shows how far a pull is. A signal gives up a pull at once; what is
    /// being made is made first, so that its destruction can be waited for.
    async fn create(&self, selection: &Selection, sink: &mut Sink, stop: &Stop) -> Result<Managed, Broken> {
        let creating = self
            .manager
            .create_on(selection.engine.as_ref(), self.spec.clone());
        let mut creating = Box::pin(creating);
        let mut pulling = self.pulling.clone();
        let mut given_up = Box::pin(interrupted_pull(stop.clone(), self.pulling.clone()));
        let mut shown = Shown::new(self.console);
        loop {
            tokio::select! {
                biased;
                created = &mut creating => {
                    return created.map_err(|error| self.explain(selection, error).into());
                }
                Ok(()) = pulling.changed() => {
                    let progress = pulling.borrow_and_update().clone();
                    sink.event(shown.take(&progress)).await?;
                }
                interrupted = &mut given_up => return Err(interrupted.into()),
            }
        }
    }

    /// A default that does not work here must not leave the user without a way out.
    fn explain(&self, selection: &Selection, error: isolation::Error) -> CliError {
        let failure = CliError::from(error);
        match (self.spec.image.as_deref(), selection.engine.name()) {
            (None, DOCKER) => failure.hint("name an image with --image, or use --engine basic"),
            _ => failure,
        }
    }

    async fn stream(&self, environment: &Managed, sink: &mut Sink) -> Result<Streamed, CliError> {
        let execution = environment.execute(self.command.clone()).await?;
        stream(execution, sink, self.command.timeout).await
    }

    async fn tell_engine(&self, selection: &Selection, sink: &mut Sink) -> Result<(), CliError> {
        let name = selection.engine.name();
        if self.choice == EngineChoice::Auto {
            self.console.note(&format!("took the engine {name}"));
            for passed in &selection.passed_over {
                let why = passed.to_string();
                let why = if self.console.verbose { why } else { brief(&why) };
                self.console.note(&format!("not taken: {why}"));
            }
        }
        sink.event(json!({ "type": "engine", "engine": name, "passed_over": selection.passed_over }))
            .await
    }

    async fn tell_environment(&self, environment: &Managed, sink: &mut Sink) -> Result<(), CliError> {
        let (id, name) = (environment.id(), environment.name());
        self.client.generated(id.as_str());
        if self.spec.name.is_none() {
            self.client.generated(name);
        }
        if self.keep {
            environment.keep();
            self.console
                .note(&format!("keeping the environment {name} ({id})"));
        } else {
            self.console
                .detail(&format!("made the environment {name} ({id})"));
        }
        sink.event(json!({ "type": "environment", "id": id, "name": name, "kept": self.keep }))
            .await
    }

    async fn tell_end(&self, streamed: &Streamed, sink: &mut Sink) -> Result<(), CliError> {
        match streamed {
            Streamed::Stuck => {
                self.console.note("the time was up, and nobody read the output");
                // Programs that read nothing are told nothing.
                Ok(())
            }
            Streamed::Ended(end) => {
                if end.timed_out || end.oom {
                    self.console.note(&format!("the command was {end}"));
                }
                if !end.output_complete {
                    self.console
                        .note("a process in the background still had the output open; it was not waited for");
                }
                let mut event = json!(end);
                event["type"] = "exit".into();
                event["exit"] = code(streamed).into();
                sink.event(event).await
            }
        }
    }
}

/// Waits for a signal and for a pull that it ends.
async fn interrupted_pull(mut stop: Stop, mut pulling: Pulling) -> Interrupted {
    let signal = stop.wait().await;
    let pulls = |progress: &PullProgress| !progress.image.is_empty() && !progress.done;
    match pulling.wait_for(pulls).await {
        Ok(_) => signal,
        Err(_) => std::future::pending().await,
    }
}

/// The exit code of this process for an end of the command.
fn code(streamed: &Streamed) -> u8 {
    match streamed {
        Streamed::Stuck => exit_code::TIMED_OUT,
        Streamed::Ended(ExitStatus { timed_out: true, .. }) => exit_code::TIMED_OUT,
        // Codes of other systems can be wider; a failure must not become a success by being cut.
        Streamed::Ended(end) => u8::try_from(end.code).unwrap_or(u8::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_a_code_of_its_own_and_no_code_is_cut() {
        let mut end = ExitStatus::from_signal(9);
        assert_eq!(code(&Streamed::Ended(end)), 137);
        end.timed_out = true;
        assert_eq!(code(&Streamed::Ended(end)), 124);
        assert_eq!(code(&Streamed::Ended(ExitStatus::from_code(256))), 255);
    }
}
