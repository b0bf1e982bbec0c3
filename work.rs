//! From the choice of an engine to the exit code.

use engine_api::Docker;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ExitStatus, Managed, Manager, Selection,
};
use serde_json::json;

use super::stop::{Interrupted, Stop};
use super::stream::{Sink, Streamed, stream};
use super::{Pull, image};
use crate::console::Console;
use crate::exit;
use crate::failure::Failure;

/// Everything that a run needs.
pub(super) struct Work<'a> {
    pub(super) manager: &'a Manager,
    pub(super) docker: Option<&'a Docker>,
    pub(super) choice: EngineChoice,
    pub(super) spec: EnvironmentSpec,
    pub(super) command: Command,
    pub(super) pull: Pull,
    pub(super) keep: bool,
    pub(super) console: Console,
}

/// Why a run did not come to its command's exit code.
enum Broken {
    Failed(Failure),
    Interrupted(u8),
}

impl<E: Into<Failure>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Interrupted> for Broken {
    fn from(Interrupted(code): Interrupted) -> Self {
        Self::Interrupted(code)
    }
}

impl Work<'_> {
    /// Runs the command and destroys the environment, whatever happened.
    pub(super) async fn perform(self, mut stop: Stop) -> Result<u8, Failure> {
        let mut sink = Sink::new(self.console);
        let outcome = Box::pin(self.run(&mut sink, &mut stop)).await;
        if matches!(outcome, Err(Broken::Interrupted(_))) {
            self.console.note("interrupted; cleaning up, a second signal does not wait for it");
        }
        let cleaned = self.manager.shutdown().await;
        let left = |error: isolation::Error| {
            Failure::new("the environment could not be destroyed").because(&error)
        };
        match (outcome, cleaned) {
            (Err(Broken::Failed(failure)), Err(error)) => {
                self.console.failure(&left(error));
                Err(failure)
            }
            (_, Err(error)) => Err(left(error)),
            (Ok(code) | Err(Broken::Interrupted(code)), Ok(())) => Ok(code),
            (Err(Broken::Failed(failure)), Ok(())) => Err(failure),
        }
    }

    async fn run(&self, sink: &mut Sink, stop: &mut Stop) -> Result<u8, Broken> {
        let select = self.manager.registry().select(&self.choice, &self.spec);
        let selection = stop.or(select).await??;
        self.tell_engine(&selection, sink).await?;
        if let (Some(docker), Some(image)) = (self.docker, &self.spec.image) {
            stop.or(Box::pin(image::ensure(docker, image, self.pull, sink, self.console)))
                .await??;
        }
        // Not given up half-way: only what is whole can be destroyed and waited for.
        let environment = self
            .manager
            .create_on(selection.engine.as_ref(), self.spec.clone())
            .await?;
        self.tell_environment(&environment, sink).await?;
        stop.check()?;
        let streamed = stop.or(self.stream(&environment, sink)).await??;
        self.tell_end(&streamed, sink).await?;
        Ok(code(&streamed))
    }

    async fn stream(&self, environment: &Managed, sink: &mut Sink) -> Result<Streamed, Failure> {
        let execution = environment.execute(self.command.clone()).await?;
        stream(execution, sink, self.command.timeout).await
    }

    async fn tell_engine(&self, selection: &Selection, sink: &mut Sink) -> Result<(), Failure> {
        let name = selection.engine.name();
        if self.choice == EngineChoice::Auto {
            self.console.note(&format!("took the engine {name}"));
            for passed in &selection.passed_over {
                let why = passed.to_string();
                let (first, more) = why.split_once('\n').unwrap_or((&why, ""));
                self.console.note(&format!("not taken: {first}"));
                more.lines().for_each(|line| self.console.detail(line));
            }
        }
        sink.event(json!({ "type": "engine", "engine": name, "passed_over": selection.passed_over }))
            .await
    }

    async fn tell_environment(&self, environment: &Managed, sink: &mut Sink) -> Result<(), Failure> {
        let (id, name) = (environment.id(), environment.name());
        if self.keep {
            environment.keep();
            self.console.note(&format!("keeping the environment {name} ({id})"));
        } else {
            self.console.detail(&format!("made the environment {name} ({id})"));
        }
        sink.event(json!({ "type": "environment", "id": id, "name": name, "kept": self.keep }))
            .await
    }

    async fn tell_end(&self, streamed: &Streamed, sink: &mut Sink) -> Result<(), Failure> {
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
                    self.console.note("a process in the background still had the output open; it was not waited for");
                }
                let mut event = json!(end);
                event["type"] = "exit".into();
                event["exit"] = code(streamed).into();
                sink.event(event).await
            }
        }
    }
}

/// The exit code of this process for an end of the command.
fn code(streamed: &Streamed) -> u8 {
    match streamed {
        Streamed::Stuck => exit::TIMED_OUT,
        Streamed::Ended(ExitStatus { timed_out: true, .. }) => exit::TIMED_OUT,
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
