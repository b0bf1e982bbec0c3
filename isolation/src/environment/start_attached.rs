//! Starts the main process with its streams.

use std::sync::Arc;

use super::attached_runs::AttachedRuns;
use super::first::STOP;
use super::run_events::ended;
use super::shared::Shared;
use super::status::Status;
use super::supervise::Check;
use super::{checks, disk, supervise};
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::input::Input;
use crate::engine::capabilities::Feature;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::spec::main_process::Main;

impl Shared {
    pub(super) async fn start_attached(self: &Arc<Self>) -> Result<Execution> {
        let check = supervise::check(self).await;
        let began = match check {
            Ok(check) => self.begin_attached().await.map(|first| (first, check)),
            Err(error) => Err(error),
        };
        let (first, check) = self.report("start the environment", self.name(), began).await?;
        let mut execution = match check.is_none() && self.spec.restart.is_none() {
            true => {
                disk::begin(self, self.supervision.begin());
                first
            }
            false => self.supervised(first, check),
        };
        let argv = match &self.spec.main {
            Main::Command(command) => command.argv.clone(),
            Main::Idle | Main::Image | Main::Arguments(_) => Vec::new(),
        };
        self.emit(EventKind::CommandStarted { argv: argv.clone() });
        execution.limit_kill(Arc::clone(&self.end_timeout) as _);
        let shared = Arc::downgrade(self);
        execution.on_end(Box::new(move |exit| {
            if let Some(shared) = shared.upgrade() {
                shared.emit(ended(argv, exit));
                if exit.is_some() {
                    shared.observe(Status::Stopped);
                }
            }
        }));
        Ok(execution)
    }

    /// The main process over all its runs.
    fn supervised(self: &Arc<Self>, mut first: Execution, check: Option<Check>) -> Execution {
        let stdin = first.take_stdin();
        let mut command = Command {
            input: stdin.as_ref().map_or(Input::Empty, |_| Input::Piped),
            ..Command::default()
        };
        if let Main::Command(main) = &self.spec.main {
            (command.timeout, command.terminal) = (main.timeout, main.terminal);
        }
        let runs = AttachedRuns::new(self, first, check);
        Execution::new(Box::new(runs), stdin, &command)
    }

    /// Starts another run of the main process.
    pub(super) async fn attach(&self) -> Result<Execution> {
        let began = self.begin_attached().await;
        self.report("start the environment", self.name(), began).await
    }

    async fn begin_attached(&self) -> Result<Execution> {
        let status = self.status();
        checks::can_start(status)?;
        if status.is_running() {
            let why = format!("it runs already, so the beginning of its output is lost; {STOP}");
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        let Some(main) = self.instance.main() else {
            return Err(self.no_facet(Feature::MainProcess));
        };
        let _starting = self.runs.starting();
        let execution = self.answered(main.start_attached()).await?;
        self.supervision.is_started();
        self.observe(Status::Running);
        // After an error, the drop of the execution ends the main process.
        self.begin_relays().await?;
        self.restart_sharing().await;
        Ok(execution)
    }
}
