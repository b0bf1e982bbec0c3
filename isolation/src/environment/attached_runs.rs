//! The main process with its streams, over all its runs: a supervised main process is restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::disk;
use super::recovery::{Attempts, GRACE, Next, RestartCause};
use super::shared::Shared;
use super::status::Status;
use super::supervise::{self, Check};
use crate::BoxFuture;
use crate::command::execution::{Chunk, Execution, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::command::terminal::TerminalSize;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::restart::Recovery;

/// The runs of a main process as one command, which ends with the last run.
pub(super) struct AttachedRuns {
    shared: Arc<Shared>,
    generation: u64,
    check: Option<Check>,
    attempts: Attempts,
    stage: Stage,
    /// The exit status of the last run that has ended.
    exit: Option<ExitStatus>,
}

enum Stage {
    Runs(Run),
    /// The next run is being started, after the end of the one before.
    Starts(Task<Result<Option<Run>>>),
    Ended,
}

/// One run.
struct Run {
    execution: Execution,
    began: Instant,
    /// Whether the health check has ended the run.
    unhealthy: Arc<AtomicBool>,
    _checks: Task<()>,
}

/// A task that ends when this is dropped.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Run {
    /// Runs the health check concurrently with the main process.
    fn new(execution: Execution, shared: &Arc<Shared>, check: Option<Check>, generation: u64) -> Self {
        let unhealthy = Arc::new(AtomicBool::new(false));
        let (flag, shared) = (Arc::clone(&unhealthy), Arc::clone(shared));
        let checks = tokio::spawn(async move {
            supervise::until_unhealthy(Arc::clone(&shared), check, generation).await;
            flag.store(true, Ordering::Release);
            // The end of the main process follows; an error was sent as an event.
            let _ = shared.stop(GRACE).await;
        });
        Self {
            execution,
            began: Instant::now(),
            unhealthy,
            _checks: Task(checks),
        }
    }
}

impl AttachedRuns {
    pub(super) fn new(shared: &Arc<Shared>, first: Execution, check: Option<Check>) -> Self {
        let generation = shared.supervision.begin();
        disk::begin(shared, generation);
        Self {
            shared: Arc::clone(shared),
            generation,
            attempts: Attempts::default(),
            stage: Stage::Runs(Run::new(first, shared, check.clone(), generation)),
            exit: None,
            check,
        }
    }

    /// The action after the end of a run of this length.
    fn after(&mut self, exit: ExitStatus, is_unhealthy: bool, ran: Duration) -> Stage {
        let cause = match is_unhealthy {
            true => RestartCause::Unhealthy,
            false => RestartCause::Exited(exit),
        };
        self.exit = Some(exit);
        self.shared.has_exited(exit);
        self.shared.observe(Status::Stopped);
        if !self.shared.supervision.is(self.generation) {
            return Stage::Ended;
        }
        let next = match self.attempts.next(&self.shared, cause, ran) {
            Next::Nothing => return Stage::Ended,
            Next::GiveUp { why, failed } => Err((why, failed)),
            Next::Recover(recovery, pause) => Ok((recovery, pause)),
        };
        let starting = again(
            Arc::clone(&self.shared),
            next,
            cause,
            self.check.clone(),
            self.generation,
        );
        Stage::Starts(Task(tokio::spawn(starting)))
    }
}

/// Restarts the main process after a pause, or gives up for a reason; `None` if it is not
/// restarted.
async fn again(
    shared: Arc<Shared>,
    next: std::result::Result<(Recovery, Duration), (String, bool)>,
    cause: RestartCause,
    check: Option<Check>,
    generation: u64,
) -> Result<Option<Run>> {
    let (recovery, pause) = match next {
        Ok(next) => next,
        Err((why, failed)) => {
            shared.give_up(why, failed).await;
            return Ok(None);
        }
    };
    sleep(pause).await;
    let _restarting = shared.supervision.restarting.lock().await;
    if !shared.supervision.is(generation) {
        return Ok(None);
    }
    shared.clear(cause, recovery).await?;
    let execution = shared.attach().await?;
    shared.has_recovered(recovery);
    Ok(Some(Run::new(execution, &shared, check, generation)))
}

impl RunningProcess for AttachedRuns {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(async {
            loop {
                self.stage = match &mut self.stage {
                    Stage::Ended => return Ok(None),
                    Stage::Runs(run) => {
                        if let Some(chunk) = run.execution.next().await? {
                            return Ok(Some(chunk));
                        }
                        let exit = run.execution.wait().await?;
                        let is_unhealthy = run.unhealthy.load(Ordering::Acquire);
                        let ran = run.began.elapsed();
                        self.after(exit, is_unhealthy, ran)
                    }
                    Stage::Starts(task) => {
                        let started = (&mut task.0).await;
                        // Its task ends with this, so only a panic is possible.
                        let lost = |e| Error::new(ErrorKind::Engine, format!("the restart was lost: {e}"));
                        match started.map_err(lost)?? {
                            Some(run) => Stage::Runs(run),
                            None => Stage::Ended,
                        }
                    }
                };
            }
        })
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        // `next` has returned the end of the last run.
        let early = || Error::new(ErrorKind::Engine, "its output has not ended");
        Box::pin(std::future::ready(self.exit.ok_or_else(early)))
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let ends = matches!(signal, Signal::Kill | Signal::Terminate | Signal::Interrupt);
            if matches!(self.stage, Stage::Starts(_)) {
                if ends {
                    // Its drop ends the processes that it has started.
                    self.stage = Stage::Ended;
                }
                return Ok(());
            }
            if ends {
                self.shared.supervision.end().await;
            }
            match &mut self.stage {
                Stage::Runs(run) => run.execution.kill(signal).await,
                Stage::Starts(_) | Stage::Ended => Ok(()),
            }
        })
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match &mut self.stage {
                Stage::Runs(run) => run.execution.resize(size).await,
                Stage::Starts(_) | Stage::Ended => Ok(()),
            }
        })
    }
}
