//! The end of the processes of an environment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::NAME;
use super::instance::{SIGNAL, SandboxInstance};
use crate::engines::host::blocking;
use crate::environment::status::Status;
use crate::error::Result;

/// How often a stop looks whether everything has ended.
const LOOK: Duration = Duration::from_millis(5);

impl SandboxInstance {
    /// Ends all processes: asks them to end, or only the main process, and kills them after
    /// `grace`.
    pub(super) async fn end_processes(&self, grace: Duration) -> Result<()> {
        self.check_exists()?;
        let began = Instant::now();
        if let Some(process) = self.sandbox.process().filter(|_| !grace.is_zero()) {
            let asked = match self.sandbox.has_main() {
                true => self.signal_main(&self.sandbox.defaults.stop_signal),
                false => self.sandbox.signal_all("TERM", SIGNAL).await,
            };
            let resumed = self.sandbox.signal_all("CONT", SIGNAL).await;
            // Processes that could not be asked are killed at once.
            let asked = asked.and(resumed).is_ok();
            while asked && began.elapsed() < grace && process.has_children() {
                tokio::time::sleep(LOOK).await;
            }
        }
        let sandbox = Arc::clone(&self.sandbox);
        blocking(NAME, move || sandbox.end()).await?;
        self.note(Status::Stopped)
    }
}
