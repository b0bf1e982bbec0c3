//! The actions when the main process of a supervised environment exits, or it becomes unhealthy.

use std::time::Duration;

use super::Environment;
use super::shared::Shared;
use super::status::Status;
use crate::command::exit_status::ExitStatus;
use crate::counted::counted;
use crate::engine::capabilities::Feature;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::spec::restart::Recovery;

/// The pauses before a restart.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After a run of this length, the pauses are short again, and the count of attempts restarts.
const STABLE: Duration = Duration::from_secs(10);

/// The time that processes may take to exit before a restart of an unhealthy environment.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Why an environment needs attention.
#[derive(Debug, Clone, Copy)]
pub(super) enum RestartCause {
    Exited(ExitStatus),
    Unhealthy,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// It is restarted after a pause.
    Recover(Recovery, Duration),
    /// It is not restarted.
    GiveUp {
        why: String,
        failed: bool,
    },
}

/// The restarts of one supervision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    pause: Duration,
    in_a_row: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            pause: FIRST_PAUSE,
            in_a_row: 0,
        }
    }
}

impl Attempts {
    /// The action for this cause, after a run of this length.
    pub(super) fn next(&mut self, shared: &Shared, cause: RestartCause, ran: Duration) -> Next {
        if ran >= STABLE {
            *self = Self::default();
        }
        let Some(restart) = &shared.spec.restart else {
            return Next::Nothing;
        };
        let wanted = match cause {
            // A timeout is an end that the caller has requested.
            RestartCause::Exited(exit) => restart.follows(exit) && !exit.timed_out,
            RestartCause::Unhealthy => restart.on_unhealthy,
        };
        if !wanted {
            return Next::Nothing;
        }
        let why = shared.describe(cause);
        if restart.recovery == Recovery::Fail {
            return Next::GiveUp { why, failed: true };
        }
        self.in_a_row += 1;
        if let Some(most) = restart.max_attempts.filter(|most| self.in_a_row > *most) {
            let why = format!(
                "{why}; it was restarted {} in a row, and is not restarted again",
                counted(most, "time", "times")
            );
            return Next::GiveUp { why, failed: false };
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Next::Recover(restart.recovery, pause)
    }
}

impl Environment {
    /// Why this process has stopped it without a call, or does not restart it: its files exceed the
    /// disk limit, or a [restart](crate::EnvironmentSpec::restart) was not possible. `None` after
    /// the next start.
    pub fn stopped_because(&self) -> Option<String> {
        self.shared().supervision.reason()
    }
}

impl Shared {
    fn describe(&self, cause: RestartCause) -> String {
        match cause {
            RestartCause::Exited(exit) => format!("its main process ended: {exit}"),
            RestartCause::Unhealthy => {
                let checks = self.history.checks();
                let output = checks.last().map_or("", |check| check.output.trim());
                format!("its health check fails: {output}")
            }
        }
    }

    /// The environment is not restarted. Calls report the reason.
    pub(super) async fn give_up(&self, why: String, failed: bool) {
        // Set before the event, so that a call after the event reports the same reason.
        self.supervision.gives_up(why.clone(), false);
        self.emit(EventKind::Failed {
            operation: "restart the environment".to_owned(),
            kind: ErrorKind::Unhealthy,
            message: why.clone(),
        });
        if failed {
            // An error was sent as an event; remaining processes end with the environment.
            let _ = self.stop(GRACE).await;
            let _ = self.cell.advance(Status::Failed);
            self.supervision.gives_up(why, true);
        }
    }

    /// Prepares the next start: an unhealthy environment still runs.
    pub(super) async fn clear(&self, cause: RestartCause, recovery: Recovery) -> Result<()> {
        if let RestartCause::Unhealthy = cause {
            self.stop(GRACE).await?;
        }
        if recovery != Recovery::Recreate {
            return Ok(());
        }
        let recreated = match self.instance.recreate() {
            Some(facet) => self.answered(facet.recreate()).await,
            None => Err(self.no_facet(Feature::Recreation)),
        };
        self.report("recreate the environment", self.name(), recreated)
            .await
    }

    /// Reports that it runs again.
    pub(super) fn has_recovered(&self, recovery: Recovery) {
        self.supervision.has_recovered(recovery);
        self.emit(EventKind::Restarted);
    }

    /// The error of a call if the supervision has ended the environment.
    pub(super) fn ended_by_supervision(&self, error: Error) -> Error {
        match self.supervision.reason() {
            Some(why) if error.kind() == ErrorKind::WrongStatus => Error::new(ErrorKind::Unhealthy, why),
            _ => error,
        }
    }
}
