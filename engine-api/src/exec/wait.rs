//! Waiting until an exec exits.

use std::time::Duration;

use tokio::time::sleep;

use super::Execs;
use crate::error::Result;

/// Longest pause between two calls of `inspect`.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

impl Execs<'_> {
    /// Waits until a started exec exits, and returns its exit code.
    pub async fn wait(&self, id: &str) -> Result<i64> {
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(code) = self.ended(id).await? {
                return Ok(code);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Returns the exit code if it has exited; `running: false` alone also means "not started yet".
    pub(super) async fn ended(&self, id: &str) -> Result<Option<i64>> {
        let exec = self.inspect(id).await?;
        Ok(exec.exit_code.filter(|_| !exec.running))
    }
}
