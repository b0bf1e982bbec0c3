//! Stops an environment by a signal of the caller's choice.

use std::time::Duration;

use tokio::time::timeout;

use super::{Environment, checks};
use crate::command::signal::Signal;
use crate::error::Result;

impl Environment {
    /// As [`stop`](Self::stop), but asks the main process to end by this signal. Without a main
    /// process, only [`Signal::Kill`] is possible.
    pub async fn stop_with(&self, signal: Signal, grace: Duration) -> Result<()> {
        self.shared().supervision.end().await;
        if checks::runs(self.status()).is_ok() {
            self.shared().kill(signal).await?;
            // Signal::Kill has ended it, and so may have the signal.
            if signal != Signal::Kill && self.status().is_running() {
                // After the time, the stop kills what still runs.
                if let Ok(ended) = timeout(grace, self.shared().wait()).await {
                    ended?;
                }
            }
        }
        self.shared().stop(Duration::ZERO).await
    }
}
