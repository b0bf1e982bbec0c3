//! Signals of this process are passed on to a running command, so that it can end properly.

use std::time::Duration;

use isolation::{Environment, Execution, Signal};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::console::Console;
use crate::error::CliError;
use crate::signals::{Interrupted, Stop, UserSignals};

/// How long a command may take to end after a signal.
const GRACE: Duration = Duration::from_secs(3);

/// How long an interrupted command takes at most, with the cleanup.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Passes signals on to a running command.
///
/// A signal that ends this process, such as SIGTERM, also begins the time in which the command must
/// end by itself. SIGUSR1 and SIGUSR2 are only passed on.
#[derive(Debug)]
pub(crate) struct SignalProxy<'a> {
    stop: &'a mut Stop,
    users: UserSignals,
    console: Console,
    /// The environment whose main process the command is: it is not restarted after the signal.
    supervised: Option<&'a Environment>,
    /// The first signal, and the time until which the command must have ended.
    ending: Option<(Interrupted, Instant)>,
}

/// The next thing that the command gets.
#[derive(Debug)]
pub(crate) enum Next {
    /// This signal.
    Signal(Signal),
    /// Its end: it goes on after the signal that ends this process.
    End(Interrupted),
}

impl<'a> SignalProxy<'a> {
    pub(crate) fn new(stop: &'a mut Stop, console: Console) -> Result<Self, CliError> {
        Ok(Self {
            stop,
            users: UserSignals::listen()?,
            console,
            supervised: None,
            ending: None,
        })
    }

    /// The same for a command that the environment may restart.
    #[must_use]
    pub(crate) fn supervised_by(mut self, environment: &'a Environment) -> Self {
        self.supervised = Some(environment);
        self
    }

    /// Waits for the next signal or for the end of the time. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Next {
        let ending = async {
            match self.ending {
                Some((interrupted, at)) => {
                    sleep_until(at).await;
                    Err(interrupted)
                }
                None => Ok(self.stop.wait().await),
            }
        };
        let interrupted = tokio::select! {
            biased;
            ending = ending => match ending {
                Ok(interrupted) => interrupted,
                Err(interrupted) => return Next::End(interrupted),
            },
            signal = self.users.next() => return Next::Signal(signal),
        };
        let Some(signal) = interrupted.signal() else {
            return Next::End(interrupted);
        };
        self.ending = Some((interrupted, Instant::now() + GRACE));
        self.console.note(&format!(
            "interrupted: the command gets SIG{signal} and {} s to end (a second signal exits at once)",
            GRACE.as_secs()
        ));
        Next::Signal(signal)
    }

    /// Sends a signal to the command. If that is not possible, a command that must end is killed at
    /// once.
    pub(crate) async fn send(
        &mut self,
        signal: Signal,
        execution: &mut Execution,
    ) -> Result<(), Interrupted> {
        let Some((interrupted, until)) = self.ending else {
            if let Err(error) = execution.kill(signal).await {
                self.console
                    .warning(&format!("SIG{signal} was not passed on: {error}"));
            }
            return Ok(());
        };
        let sent = async {
            if let Some(environment) = self.supervised {
                environment.end_supervision().await;
            }
            execution.kill(signal).await
        };
        match timeout_at(until, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.console
                    .warning(&format!("SIG{signal} was not passed on: {error}"));
                Err(interrupted)
            }
            Err(_) => Err(interrupted),
        }
    }
}
