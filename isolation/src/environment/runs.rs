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
    /// How many calls of this process are starting it.
    starting: u64,
}

/// A call of this process starts the environment, until this is dropped.
pub(super) struct Starting<'a>(&'a Runs);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.lock().starting -= 1;
    }
}

impl Runs {
    pub(crate) fn new(status: Status) -> Self {
        let begun = u64::from(matches!(status, Status::Running | Status::Paused));
        Self(Mutex::new(Counts {
            begun,
            reported: begun,
            exited: 0,
            starting: 0,
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

    /// A call of this process begins to start it.
    pub(super) fn starting(&self) -> Starting<'_> {
        self.lock().starting += 1;
        Starting(self)
    }

    /// Whether no call of this process is starting it.
    pub(super) fn is_started_by_others(&self) -> bool {
        self.lock().starting == 0
    }

    /// The engine has reported the start of the next run; returns whether another process has
    /// started it, and that is not known yet.
    pub(crate) fn begin_reported(&self) -> bool {
        let mut counts = self.lock();
        counts.reported += 1;
        let is_new = counts.reported > counts.begun;
        counts.begun = counts.begun.max(counts.reported);
        is_new && counts.starting == 0
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
    fn start_by_others_is_known_once() {
        let runs = Runs::new(Status::Running);
        assert!(runs.begin_reported(), "another process has started it");
        let own = runs.starting();
        assert!(!runs.is_started_by_others());
        assert!(!runs.begin_reported(), "the report is earlier than the answer");
        drop(own);
        assert!(runs.is_started_by_others());
        runs.begins();
        assert!(!runs.begin_reported(), "a call has noticed it before");
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
