//! Supervision of a running environment by this process: its health check and its restarts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::disk;
use super::recovery::{Attempts, Next, RestartCause};
use super::shared::Shared;
use super::status::Status;
use crate::command::Command;
use crate::engine::watch::Health;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::history::CheckResult;
use crate::spec::health::HealthSpec;

/// The pause after the first failed check.
const FIRST_CHECK: Duration = Duration::from_millis(10);

/// A health check that this process runs.
pub(super) type Check = (HealthSpec, Command);

/// The health check that this process runs; an error if it should come from an image without a
/// health check.
pub(super) async fn check(shared: &Shared) -> Result<Option<Check>> {
    let Some(health) = shared.spec.health.as_ref().filter(|health| !health.disabled) else {
        return Ok(None);
    };
    let check = match &health.check {
        Some(check) => Some(check.clone()),
        None => shared.instance.image_check().await?,
    };
    let none = || Error::invalid("the image has no health check; give the command of one in health.check");
    let mut check = check.ok_or_else(none)?;
    if shared.instance.checks_health() {
        return Ok(None);
    }
    check.timeout.get_or_insert(health.limit());
    Ok(Some((health.clone(), check)))
}

/// Supervises an environment that this process has started, if its specification requires it.
pub(super) fn begin(shared: &Arc<Shared>, check: Option<Check>) {
    let generation = shared.supervision.begin();
    disk::begin(shared, generation);
    if check.is_none() && shared.spec.restart.is_none() {
        return;
    }
    let supervisor = Supervisor {
        shared: Arc::clone(shared),
        check,
        generation,
    };
    tokio::spawn(supervisor.run());
}

/// Runs the health check of one run until the environment is unhealthy and the specification
/// requires an action.
pub(super) async fn until_unhealthy(shared: Arc<Shared>, check: Option<Check>, generation: u64) {
    let supervisor = Supervisor {
        shared,
        check,
        generation,
    };
    if supervisor.unhealthy().await.is_none() {
        std::future::pending().await
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    check: Option<Check>,
    generation: u64,
}

impl Supervisor {
    fn is_over(&self) -> bool {
        let lives = matches!(
            self.shared.status(),
            Status::Running | Status::Paused | Status::Stopped
        );
        !lives || !self.shared.supervision.is(self.generation)
    }

    async fn run(self) {
        let mut attempts = Attempts::default();
        loop {
            let began = Instant::now();
            let Some(cause) = self.restart_cause().await else {
                return;
            };
            if self.is_over() {
                return;
            }
            let (recovery, pause) = match attempts.next(&self.shared, cause, began.elapsed()) {
                Next::Recover(recovery, pause) => (recovery, pause),
                Next::Nothing => return,
                Next::GiveUp { why, failed } => return self.shared.give_up(why, failed).await,
            };
            sleep(pause).await;
            let _restarting = self.shared.supervision.restarting.lock().await;
            if self.is_over() {
                return;
            }
            let restarted = async {
                self.shared.clear(cause, recovery).await?;
                self.shared.start().await
            };
            // An error was sent as an event.
            if restarted.await.is_err() {
                return;
            }
            self.shared.has_recovered(recovery);
        }
    }

    /// Waits until the main process exits, and runs the health check at the same time; `None` if
    /// the environment no longer exists, or its engine does not answer.
    async fn restart_cause(&self) -> Option<RestartCause> {
        let exit = async {
            match self.shared.instance.main() {
                Some(main) => main.wait().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            exit = exit => {
                let exit = exit?;
                self.shared.has_exited(exit);
                self.shared.observe(Status::Stopped);
                Some(RestartCause::Exited(exit))
            }
            cause = self.unhealthy() => cause,
        }
    }

    fn has_health(&self, health: Health) {
        if self.shared.supervision.has_health(health) {
            self.shared.emit(EventKind::Health { health });
        }
    }

    /// Checks until the environment is unhealthy and the specification requires an action; `None`
    /// if the supervision has ended.
    async fn unhealthy(&self) -> Option<RestartCause> {
        let Some((health, check)) = &self.check else {
            return std::future::pending().await;
        };
        self.has_health(Health::Starting);
        let began = Instant::now();
        // Failures count from this time on. The first checks have shorter pauses.
        let patience = health.start_period.unwrap_or_default() + health.pause() * health.most_failures();
        let restart = self.shared.spec.restart.as_ref();
        let matters = restart.is_some_and(|restart| restart.on_unhealthy);
        let (mut pause, mut failures, mut starting) = (FIRST_CHECK.min(health.pause()), 0, true);
        while !self.is_over() {
            if self.succeeds(check).await {
                (failures, starting) = (0, false);
                self.has_health(Health::Healthy);
            } else {
                failures += 1;
                let is_unhealthy = match starting {
                    true => began.elapsed() >= patience,
                    false => failures >= health.most_failures(),
                };
                if is_unhealthy {
                    self.has_health(Health::Unhealthy);
                    if matters {
                        return Some(RestartCause::Unhealthy);
                    }
                }
            }
            pause = if starting {
                (pause * 2).min(health.pause())
            } else {
                health.pause()
            };
            sleep(pause).await;
        }
        None
    }

    async fn succeeds(&self, check: &Command) -> bool {
        let Some(exec) = self.shared.instance.exec() else {
            return false;
        };
        let output = match exec.execute(check).await {
            Ok(execution) => execution.output().await,
            Err(error) => Err(error),
        };
        let result = match &output {
            Ok(output) => CheckResult::new(output.exit, &[&output.stdout[..], &output.stderr[..]].concat()),
            Err(error) => CheckResult::not_run(error.to_string()),
        };
        self.shared.history.checked(result);
        output.is_ok_and(|output| output.exit.success())
    }
}
