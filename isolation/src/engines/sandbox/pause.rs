//! Pausing all processes of an environment.

use super::instance::{SIGNAL, SandboxInstance};
use crate::BoxFuture;
use crate::engine::instance::Pause;
use crate::environment::status::Status;
use crate::error::Result;

impl SandboxInstance {
    async fn signal_and_note(&self, signal: &'static str, status: Status) -> Result<()> {
        self.check_exists()?;
        self.sandbox.signal_all(signal, SIGNAL).await?;
        self.note(status)
    }
}

impl Pause for SandboxInstance {
    fn pause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.signal_and_note("STOP", Status::Paused))
    }

    fn unpause(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.signal_and_note("CONT", Status::Running))
    }
}
