//! Supervision of a running environment by this process: its health check and its restarts.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::disk;
use super::shared::Shared;
use super::status::Status;
use crate::command::Command;
use crate::command::exit_status::ExitStatus;
use crate::engine::watch::Health;
use crate::error::{Error, Result};
use crate::events::EventKind;
use crate::history::CheckResult;
use crate::spec::health::HealthSpec;
use crate::spec::restart::{RestartOnExit, RestartSpec};

/// The pauses before a restart.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After so long a run, the pauses are short again, and attempts are counted anew.
const STABLE: Duration = Duration::from_secs(10);

/// The pause after the first check that failed.
const FIRST_CHECK: Duration = Duration::from_millis(10);

/// How long processes may take to end before a restart of an unhealthy environment.
const GRACE: Duration = Duration::from_secs(10);

/// Why an environment needs attention.
enum Trouble {
    Exited(ExitStatus),
    Unhealthy,
    /// The environment is gone, or its engine does not answer.
    Over,
}

/// The health check of a specification; an error if an image without one is to supply it.
pub(super) async fn check(shared: &Shared) -> Result<Option<(HealthSpec, Command)>> {
    let Some(health) = &shared.spec.health else {
        return Ok(None);
    };
    let check = match &health.check {
        Some(check) => Some(check.clone()),
        None => shared.instance.image_check().await?,
    };
    let none = || Error::invalid("the image has no health check; give the command of one in health.check");
    let mut check = check.ok_or_else(none)?;
    check.timeout.get_or_insert(health.limit());
    Ok(Some((health.clone(), check)))
}

/// Supervises an environment that this process has started, as far as its specification asks.
pub(super) fn begin(shared: &Arc<Shared>, check: Option<(HealthSpec, Command)>) {
    let supervision = &shared.supervision;
    let generation = supervision.generation.fetch_add(1, Ordering::AcqRel) + 1;
    disk::begin(shared, generation);
    if check.is_none() && shared.spec.restart.is_none() {
        return;
    }
    tokio::spawn(
        Supervisor {
            shared: Arc::clone(shared),
            check,
            generation,
        }
        .run(),
    );
}

struct Supervisor {
    shared: Arc<Shared>,
    check: Option<(HealthSpec, Command)>,
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
        let (mut pause, mut attempts) = (FIRST_PAUSE, 0);
        loop {
            let began = Instant::now();
            let trouble = self.trouble().await;
            if began.elapsed() >= STABLE {
                (pause, attempts) = (FIRST_PAUSE, 0);
            }
            attempts += 1;
            if self.is_over() || !self.restarts_after(&trouble, attempts) {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let _restarting = self.shared.supervision.restarting.lock().await;
            if self.is_over() || !self.restart(&trouble).await {
                return;
            }
        }
    }

    /// Waits for the end of the main process, and runs the health check meanwhile.
    async fn trouble(&self) -> Trouble {
        let exit = async {
            match self.shared.instance.main() {
                Some(main) => match main.wait().await {
                    Ok(exit) => Trouble::Exited(exit),
                    Err(_) => Trouble::Over,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            trouble = exit => {
                if let Trouble::Exited(exit) = &trouble {
                    self.shared.has_exited(*exit);
                    self.shared.observe(Status::Stopped);
                }
                trouble
            }
            trouble = self.unhealthy() => trouble,
        }
    }

    /// Whether a restart follows; reports if there were too many.
    fn restarts_after(&self, trouble: &Trouble, attempts: u32) -> bool {
        let never = RestartSpec {
            on_exit: RestartOnExit::Never,
            ..RestartSpec::default()
        };
        let restart = self.shared.spec.restart.as_ref().unwrap_or(&never);
        let wanted = match (trouble, restart.on_exit) {
            (Trouble::Exited(exit), RestartOnExit::Failure) => !exit.success(),
            (Trouble::Exited(_), on_exit) => on_exit == RestartOnExit::Always,
            (Trouble::Unhealthy, _) => restart.on_unhealthy,
            (Trouble::Over, _) => false,
        };
        let most = restart.max_attempts.unwrap_or(u32::MAX);
        if wanted && attempts > most {
            let text =
                format!("the environment was restarted {most} times in a row; it is not restarted again");
            self.failed(&Error::new(crate::ErrorKind::Unhealthy, text));
        }
        wanted && attempts <= most
    }

    /// Stops the environment if it still runs, and starts it; returns whether it runs.
    async fn restart(&self, trouble: &Trouble) -> bool {
        let restarted = async {
            if let Trouble::Unhealthy = trouble {
                self.shared.stop(GRACE).await?;
            }
            self.shared.start().await
        };
        // An error was sent as an event.
        if restarted.await.is_err() {
            return false;
        }
        self.shared.emit(EventKind::Restarted);
        true
    }

    fn failed(&self, error: &Error) {
        self.shared.emit(EventKind::Failed {
            operation: "restart the environment".to_owned(),
            kind: error.kind(),
            message: error.to_string(),
        });
    }

    fn has_health(&self, health: Health) {
        let mut known = self
            .shared
            .supervision
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *known != Some(health) {
            *known = Some(health);
            self.shared.emit(EventKind::Health { health });
        }
    }

    /// Checks until the environment is unhealthy and that has a consequence.
    async fn unhealthy(&self) -> Trouble {
        let Some((health, check)) = &self.check else {
            return std::future::pending().await;
        };
        self.has_health(Health::Starting);
        let began = Instant::now();
        // Failures count from here on: at first the checks follow each other more quickly.
        let patience = health.start_period.unwrap_or_default() + health.pause() * health.most_failures();
        let restarts = self
            .shared
            .spec
            .restart
            .as_ref()
            .is_some_and(|restart| restart.on_unhealthy);
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
                    if restarts {
                        return Trouble::Unhealthy;
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
        Trouble::Over
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
