//! Commands and copies: input, status and features are checked before a call of the engine.

use std::path::Path;

use super::checks;
use super::shared::Shared;
use super::status::Status;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::engine::capabilities::Feature;
use crate::error::Result;
use crate::files::CopySource;
use crate::spec::validate;

impl Shared {
    pub(super) async fn execute(&self, command: Command) -> Result<Execution> {
        let started = match self.supervision.check_same_run() {
            Ok(()) => self.begin_command(&command).await,
            Err(error) => Err(error),
        };
        let mut execution = self.report("execute", command.program(), started).await?;
        self.history.hide(command.env.values());
        self.track(&mut execution, command.argv);
        Ok(execution)
    }

    pub(super) async fn begin_command(&self, command: &Command) -> Result<Execution> {
        command.validate()?;
        if self.status() == Status::Paused {
            // Another process may have resumed it.
            self.inspect().await?;
        }
        checks::running(self.status())?;
        checks::features(&self.engine, &self.capabilities, &command.required_features())?;
        match self.instance.exec() {
            Some(exec) => self.answered(exec.execute(command)).await,
            None => Err(self.no_facet(Feature::Commands)),
        }
    }

    pub(super) async fn copy_in(&self, source: CopySource, target: &str) -> Result<()> {
        let copied = self.bring_in(source, target).await;
        self.report("copy in", target, copied).await
    }

    pub(super) async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        validate::text("the target of the copy", target)?;
        if let CopySource::Path(path) = &source {
            validate::source("the source of the copy", path)?;
        }
        checks::exists(self.status())?;
        self.supervision.check_same_run()?;
        match self.instance.files() {
            Some(files) => self.answered(files.copy_in(source, target)).await,
            None => Err(self.no_facet(Feature::CopyIn)),
        }
    }

    pub(super) async fn copy_out(&self, source: &str, target: &Path) -> Result<()> {
        let copied = self.bring_out(source, target).await;
        self.report("copy out", source, copied).await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        validate::text("the source of the copy", source)?;
        checks::exists(self.status())?;
        self.supervision.check_same_run()?;
        match self.instance.files() {
            Some(files) => self.answered(files.copy_out(source, target)).await,
            None => Err(self.no_facet(Feature::CopyOut)),
        }
    }
}
