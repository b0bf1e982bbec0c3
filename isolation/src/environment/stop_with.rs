//! Stops an environment by a signal of the caller's choice.

use std::time::Duration;

use tokio::time::timeout;

use super::{Environment, checks};
use crate::command::signal::Signal;
use crate::error::{ErrorKind, Result};

impl Environment {
    /// As [`stop`](Self::stop), but asks the main process to end by this signal. Without a main
    /// process, only [`Signal::Kill`] is possible.
    pub async fn stop_with(&self, signal: Signal, grace: Duration) -> Result<()> {
        self.shared().supervision.end().await;
        if checks::runs(self.status()).is_ok() {
            unless_ended(self.shared().kill(signal).await)?;
            // Signal::Kill has ended it, and so may have the signal.
            if signal != Signal::Kill && self.status().is_running() {
                match timeout(grace, self.shared().wait()).await {
                    Ok(ended) => drop(ended?),
                    // A stop would send another signal first.
                    Err(_) => unless_ended(self.shared().kill(Signal::Kill).await)?,
                }
            }
        }
        self.shared().stop(Duration::ZERO).await
    }
}

/// A main process that ends before the signal arrives has ended as the caller wants.
fn unless_ended(sent: Result<()>) -> Result<()> {
    match sent {
        Err(error) if error.kind() == ErrorKind::WrongStatus => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn end_before_the_signal_is_not_an_error() {
        let result = |kind| unless_ended(Err(Error::new(kind, "it is stopped")));
        assert!(result(ErrorKind::WrongStatus).is_ok());
        assert!(result(ErrorKind::Timeout).is_err());
    }
}
