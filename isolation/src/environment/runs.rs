//! The runs of the main process, counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::status::Status;

/// The runs of the main process, so that the exit of each is sent once: a call of this process may
/// notice it, and the engine may report it, much later than the next start.
#[derive(Debug)]
pub(crate) struct Runs(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    /// The number of the current run.
    begun: u64,
    /// The number of the run that the reports of the engine are about.
    reported: u64,
    /// The number of the last run whose exit was sent.
    exited: u64,
}

impl Runs {
    pub(crate) fn new(status: Status) -> Self {
        let begun = u64::from(matches!(status, Status::Running | Status::Paused));
        Self(Mutex::new(Counts {
            begun,
            reported: begun,
            exited: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins.
    pub(super) fn begins(&self) {
        self.lock().begun += 1;
    }

    /// The current run has ended; returns whether that is not known yet.
    pub(super) fn exits(&self) -> bool {
        let mut counts = self.lock();
        let run = counts.begun;
        counts.exit(run)
    }

    /// The engine has reported the start of the next run.
    pub(crate) fn begin_reported(&self) {
        let mut counts = self.lock();
        counts.reported += 1;
        counts.begun = counts.begun.max(counts.reported);
    }

    /// The engine has reported the end of a run; returns whether that is not known yet.
    pub(super) fn exit_reported(&self) -> bool {
        let mut counts = self.lock();
        let run = counts.reported;
        counts.exit(run)
    }

    /// From now on, reports are about the current run and later ones.
    pub(super) fn follow_reports(&self) {
        let mut counts = self.lock();
        counts.reported = counts.begun;
    }
}

impl Counts {
    fn exit(&mut self, run: u64) -> bool {
        let is_new = self.exited < run;
        self.exited = self.exited.max(run);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_that_is_reported_late_belongs_to_its_run() {
        let runs = Runs::new(Status::Created);
        runs.begins();
        assert!(runs.exits(), "a call waits for the end of the first run");
        runs.begins();
        runs.begin_reported();
        assert!(
            !runs.exit_reported(),
            "that of the first run, after the next start"
        );
        runs.begin_reported();
        assert!(runs.exit_reported() && !runs.exits(), "that of the second run");
    }

    #[test]
    fn runs_that_only_the_engine_sees_are_counted() {
        let runs = Runs::new(Status::Running);
        for _ in 0..3 {
            assert!(runs.exit_reported());
            runs.begin_reported();
        }
        assert!(runs.exits() && !runs.exit_reported());
        // Nothing is reported for some time.
        runs.begins();
        assert!(runs.exits());
        runs.begins();
        runs.follow_reports();
        assert!(runs.exit_reported() && !runs.exits());
    }
}
