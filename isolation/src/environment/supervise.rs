//! Supervision of a running environment by this process: its health check and its restarts.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::disk;
use super::health_count::HealthCount;
use super::recovery::{Attempts, Next, RestartCause};
use super::shared::Shared;
use super::status::Status;
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::engine::watch::Health;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::history::CheckResult;
use crate::spec::health::HealthSpec;

/// A health check that this process runs.
pub(super) type Check = (HealthSpec, Command);

/// The health check that this process runs; an error if it should come from an image without a
/// health check.
pub(super) async fn check(shared: &Shared) -> Result<Option<Check>> {
    let Some(health) = shared.spec.health.as_ref().filter(|health| !health.disabled) else {
        return Ok(None);
    };
    let check = shared.check_of(health).await?;
    Ok((!shared.instance.checks_health()).then_some(check))
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
        let restart = self.shared.spec.restart.as_ref();
        let matters = restart.is_some_and(|restart| restart.on_unhealthy);
        let mut count = HealthCount::new(health);
        while !self.is_over() {
            let began = Instant::now();
            if self.shared.is_healthy(check).await {
                count.has_succeeded();
                self.has_health(Health::Healthy);
            } else {
                count.has_failed(began);
                if count.is_unhealthy() {
                    self.has_health(Health::Unhealthy);
                    if matters {
                        return Some(RestartCause::Unhealthy);
                    }
                }
            }
            count.until_next().await;
        }
        None
    }
}

impl Shared {
    /// The command of a health check, which may be that of the image.
    pub(super) async fn check_of(&self, health: &HealthSpec) -> Result<Check> {
        let check = match &health.check {
            Some(check) => Some(check.clone()),
            None => self.instance.image_check().await?,
        };
        let none = || {
            Error::invalid(
                "the image has no health check; name the command of one: --health-cmd, or health.check of a specification",
            )
        };
        let mut check = check.ok_or_else(none)?;
        check.timeout.get_or_insert(health.limit());
        Ok((health.clone(), check))
    }

    /// Runs a health check once, and stores its result.
    pub(super) async fn is_healthy(&self, check: &Command) -> bool {
        let running = async {
            let exec = self.instance.exec();
            let exec = exec.ok_or_else(|| self.no_facet(Feature::Commands))?;
            exec.execute(check).await?.output().await
        };
        let output = running.await;
        let result = match &output {
            Ok(output) => CheckResult::new(output.exit, &[&output.stdout[..], &output.stderr[..]].concat()),
            Err(error) => CheckResult::not_run(error.to_string()),
        };
        self.history.checked(result);
        output.is_ok_and(|output| output.exit.success())
    }
}
