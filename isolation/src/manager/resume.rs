//! Resumes environments that a process has paused for the time of a call, and that was killed.

use std::time::Duration;

use tokio::time::timeout;

use super::gc::Collector;
use super::gc_report::{GcEntry, GcFailure, GcReport};
use crate::engine::context::Context;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Journal;
use crate::journal::paused_environment::PausedEnvironment;

/// The timeout of one environment.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether there is nothing to resume any more.
fn is_over(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WrongStatus | ErrorKind::Lost | ErrorKind::NotFound
    )
}

impl Collector {
    /// Resumes what killed processes have left paused. An environment whose engine does not answer
    /// stays for the next time.
    pub(super) async fn resume_all(&self, report: &mut GcReport) -> Result<()> {
        for (note, paused) in self.directory.left_pauses()? {
            let resumed = timeout(TIMEOUT, self.resume(&paused)).await;
            let silent = || {
                let why = format!("the engine did not answer within {} s", TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::Timeout, why))
            };
            let resumed = resumed.unwrap_or_else(|_| silent());
            let done = resumed.and_then(|was_paused| match self.dry_run {
                true => Ok(was_paused),
                false => note.remove().map(|()| was_paused),
            });
            match done {
                Ok(true) => report.resumed.push(GcEntry {
                    id: paused.id,
                    name: paused.name,
                    engine: paused.engine,
                    address: paused.address,
                    pid: paused.pid,
                }),
                Ok(false) => {}
                Err(error) => report.failed.push(GcFailure {
                    error: error.during("resume the environment", &paused.name),
                    id: paused.id,
                    name: paused.name,
                }),
            }
        }
        Ok(())
    }

    /// Resumes an environment; returns whether it was paused.
    async fn resume(&self, paused: &PausedEnvironment) -> Result<bool> {
        let engine = self.registry.reach(&paused.engine, &paused.address)?;
        let journal = Journal::of(Some(&self.directory), &paused.id);
        let context = Context::new(self.events.clone(), journal);
        let opened = match engine.open(&paused.id, &context).await {
            Err(error) if error.is_not_found() => return Ok(false),
            opened => opened?,
        };
        // One that runs, too: its engine may have been interrupted while it paused it.
        let stands = matches!(opened.status, Status::Paused | Status::Running);
        if let Some(pausing) = opened.instance.pause().filter(|_| stands && !self.dry_run) {
            match pausing.unpause().await {
                // It has ended, or somebody has resumed it.
                Err(error) if is_over(error.kind()) => {
                    return Ok(false);
                }
                resumed => resumed?,
            }
        }
        Ok(opened.status == Status::Paused)
    }
}
