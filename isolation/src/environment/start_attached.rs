//! Starts the main process with its streams.

use std::sync::Arc;

use super::checks;
use super::runs::ended;
use super::shared::Shared;
use super::status::Status;
use crate::command::execution::Execution;
use crate::engine::capabilities::Feature;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::spec::main_process::Main;

impl Shared {
    pub(super) async fn start_attached(self: &Arc<Self>) -> Result<Execution> {
        let began = self.begin_attached().await;
        let mut execution = self.report("start the environment", self.name(), began).await?;
        let argv = match &self.spec.main {
            Main::Command(command) => command.argv.clone(),
            Main::Idle | Main::Image | Main::Arguments(_) => Vec::new(),
        };
        self.emit(EventKind::CommandStarted { argv: argv.clone() });
        execution.limit_kill(Arc::clone(&self.ending) as _);
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

    async fn begin_attached(&self) -> Result<Execution> {
        let status = self.status();
        checks::can_start(status)?;
        if status.is_running() {
            let why = "it runs already, so the beginning of its output is lost; stop it first";
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        let Some(main) = self.instance.main() else {
            return Err(self.no_facet(Feature::MainProcess));
        };
        let execution = self.answered(main.start_attached()).await?;
        self.observe(Status::Running);
        // After an error, the drop of the execution ends the main process.
        self.begin_relays().await?;
        Ok(execution)
    }
}
