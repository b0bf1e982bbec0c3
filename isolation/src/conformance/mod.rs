//! For authors of engines: the behaviour every engine must show, as checks against the trait.
//!
//! ```no_run
//! # async fn demo(engine: &dyn isolation::Engine) {
//! let report = isolation::conformance::check(engine, &isolation::EnvironmentSpec::default).await;
//! assert!(report.failed.is_empty(), "{report}");
//! # }
//! ```
//!
//! The environments need `sh` and the usual small programs; those of busybox will do. No check depends
//! on how fast anything is; one that does not end within a minute has failed.

mod commands;
mod endings;
mod files;
mod lifecycle;
mod subject;

use std::fmt;
use std::time::Duration;

use crate::BoxFuture;
use crate::engine::Engine;
use crate::spec::EnvironmentSpec;

use subject::{Outcome, Subject};

/// How long a check may take before it counts as one that never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the checks found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// The checks that passed.
    pub passed: Vec<&'static str>,
    /// The checks that failed, and why.
    pub failed: Vec<Failure>,
}

/// A check that failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// What should be so.
    pub check: &'static str,
    /// What was so.
    pub why: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} checks passed, {} failed",
            self.passed.len(),
            self.failed.len()
        )?;
        for failure in &self.failed {
            write!(f, "\n  {}: {}", failure.check, failure.why)?;
        }
        Ok(())
    }
}

/// A sentence that should be true, and the code that finds out.
type Check = (
    &'static str,
    for<'a> fn(&'a Subject<'a>) -> BoxFuture<'a, Outcome>,
);

/// Every check, in the order of a life.
const CHECKS: &[Check] = &[
    ("it is available", |s| Box::pin(lifecycle::available(s))),
    ("the status takes legal steps", |s| {
        Box::pin(lifecycle::status_steps(s))
    }),
    ("the specification and the names are kept", |s| {
        Box::pin(lifecycle::identity(s))
    }),
    ("a lack is said before the work", |s| {
        Box::pin(lifecycle::lacks_are_named(s))
    }),
    ("a bad specification is refused", |s| {
        Box::pin(lifecycle::bad_specification(s))
    }),
    ("a failed creation leaves nothing", |s| {
        Box::pin(lifecycle::failed_creation(s))
    }),
    ("an environment is listed until it is destroyed", |s| {
        Box::pin(lifecycle::listed(s))
    }),
    ("it can be destroyed by its id", |s| {
        Box::pin(lifecycle::destroyed_by_id(s))
    }),
    ("destroying is idempotent", |s| {
        Box::pin(lifecycle::destroyed_twice(s))
    }),
    ("dropping destroys", |s| Box::pin(lifecycle::dropped(s))),
    ("what is kept survives its handle", |s| {
        Box::pin(lifecycle::kept(s))
    }),
    ("stdout and stderr come apart", |s| {
        Box::pin(commands::streams_apart(s))
    }),
    ("the exit code is the command's", |s| {
        Box::pin(commands::exit_codes(s))
    }),
    ("no such program is 127, no program is 126", |s| {
        Box::pin(commands::not_started(s))
    }),
    ("a bad command is refused", |s| Box::pin(commands::bad_command(s))),
    ("arguments arrive as they are", |s| {
        Box::pin(commands::arguments(s))
    }),
    ("input is half-closed, output still comes", |s| {
        Box::pin(commands::half_close(s))
    }),
    ("a megabyte of input comes back", |s| {
        Box::pin(commands::much_input(s))
    }),
    ("input that nobody reads is no failure", |s| {
        Box::pin(commands::unread_input(s))
    }),
    ("without input there is an end at once", |s| {
        Box::pin(commands::no_input(s))
    }),
    ("variables arrive, and only those", |s| {
        Box::pin(commands::variables(s))
    }),
    ("commands start in their working directory", |s| {
        Box::pin(commands::working_directory(s))
    }),
    ("8 MiB of output arrive intact", |s| {
        Box::pin(commands::much_output(s))
    }),
    ("commands run in parallel", |s| Box::pin(commands::parallel(s))),
    ("a timeout kills", |s| Box::pin(endings::timeout(s))),
    ("a timeout kills what never stops printing", |s| {
        Box::pin(endings::timeout_while_printing(s))
    }),
    ("a signal arrives", |s| Box::pin(endings::signal(s))),
    ("killing ends the children too", |s| {
        Box::pin(endings::kill_tree(s))
    }),
    ("dropping an execution kills it", |s| {
        Box::pin(endings::dropped_midway(s))
    }),
    ("dropping a read loses nothing", |s| {
        Box::pin(endings::dropped_read(s))
    }),
    ("a process in the background outlives its command", |s| {
        Box::pin(endings::background(s))
    }),
    ("destroying ends what runs", |s| {
        Box::pin(endings::destroyed_midway(s))
    }),
    ("a file comes back as it was", |s| Box::pin(files::round_trip(s))),
    ("a directory comes back as it was", |s| {
        Box::pin(files::directory_round_trip(s))
    }),
    ("copies of the specification are there", |s| {
        Box::pin(files::specified_copies(s))
    }),
    ("absolute paths start at the root", |s| {
        Box::pin(files::absolute_paths(s))
    }),
    ("no path leads out", |s| Box::pin(files::no_way_out(s))),
    ("a missing source is named", |s| {
        Box::pin(files::missing_sources(s))
    }),
];

/// Runs every check on an engine, each in environments of its own, made from `make_spec`.
pub async fn check(engine: &dyn Engine, make_spec: &(dyn Fn() -> EnvironmentSpec + Sync)) -> Report {
    let subject = Subject { engine, make_spec };
    let mut report = Report::default();
    for (check, run) in CHECKS {
        let outcome = tokio::time::timeout(PATIENCE, run(&subject)).await;
        match outcome {
            Ok(Ok(())) => report.passed.push(check),
            Ok(Err(why)) => report.failed.push(Failure { check, why: why.0 }),
            Err(_) => report.failed.push(Failure {
                check,
                why: format!("it did not end within {PATIENCE:?}"),
            }),
        }
    }
    report
}
