//! For authors of engines: checks of the behaviour that every engine must have.
//!
//! ```no_run
//! # async fn demo(engine: std::sync::Arc<dyn isolation::Engine>) {
//! let report = isolation::conformance::check(engine, &isolation::EnvironmentSpec::default).await;
//! assert!(report.failed.is_empty(), "{report}");
//! # }
//! ```
//!
//! [`walk`] takes random steps, and compares the engine with a model after each one.
//!
//! There is a file for the lifecycle of an environment and one for each facet. Checks of a facet
//! that the engine does not have pass; another check tests that its calls are rejected.
//!
//! The environments need `sh` and the usual small programs; those of busybox are sufficient. No
//! check depends on speed. A check that takes longer than five minutes has failed.

mod commands;
mod endings;
mod files;
mod lifecycle;
mod main_process;
mod model;
mod open;
mod pause;
mod services;
mod states;
mod subject;
mod supervision;
mod terminal;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxFuture;
use crate::engine::Engine;
use crate::spec::EnvironmentSpec;

pub use model::{WrongStep, walk};
use subject::{Outcome, Subject};

/// The timeout of a check.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The result of the checks.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// The names of the checks that passed.
    pub passed: Vec<&'static str>,
    /// The checks that failed, with the reason.
    pub failed: Vec<FailedCheck>,
}

/// A check that failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FailedCheck {
    /// The name of the check: the expected behaviour.
    pub check: &'static str,
    /// The observed behaviour.
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

/// The name of a check, and its function.
type Check = (
    &'static str,
    for<'a> fn(&'a Subject<'a>) -> BoxFuture<'a, Outcome>,
);

/// Every check, in the order of the lifecycle.
const CHECKS: &[Check] = &[
    ("the engine is available", |s| Box::pin(lifecycle::available(s))),
    ("status transitions are legal", |s| {
        Box::pin(lifecycle::status_steps(s))
    }),
    ("specification and names are kept", |s| {
        Box::pin(lifecycle::identity(s))
    }),
    ("a missing feature is an error before any work", |s| {
        Box::pin(lifecycle::missing_are_named(s))
    }),
    ("facets and capabilities agree", |s| {
        Box::pin(lifecycle::facets_match(s))
    }),
    ("a name may be any text", |s| Box::pin(lifecycle::any_name(s))),
    ("an invalid specification is rejected", |s| {
        Box::pin(lifecycle::bad_specification(s))
    }),
    ("a failed creation leaves nothing", |s| {
        Box::pin(lifecycle::failed_creation(s))
    }),
    ("an environment is listed until it is destroyed", |s| {
        Box::pin(lifecycle::listed(s))
    }),
    ("a stopped environment keeps its files", |s| {
        Box::pin(lifecycle::stopped_and_started(s))
    }),
    ("a signal needs a main process", |s| {
        Box::pin(lifecycle::signal_without_main(s))
    }),
    ("another process can open an environment", |s| {
        Box::pin(open::opened(s))
    }),
    ("an environment is found by name and beginning", |s| {
        Box::pin(open::found(s))
    }),
    ("a change by another process is seen", |s| {
        Box::pin(open::changed_by_another(s))
    }),
    ("another process can destroy an environment", |s| {
        Box::pin(open::destroyed_by_another(s))
    }),
    ("a main process that ends has an exit code", |s| {
        Box::pin(main_process::one_shot(s))
    }),
    ("commands run beside a main process", |s| {
        Box::pin(main_process::server(s))
    }),
    ("a main process that cannot start is an error", |s| {
        Box::pin(main_process::not_started(s))
    }),
    ("ends of a main process race with stop and kill", |s| {
        Box::pin(main_process::races(s))
    }),
    ("ports are published from start to stop", |s| {
        Box::pin(services::ports(s))
    }),
    ("a log has every line", |s| Box::pin(services::logs(s))),
    ("metrics are measured", |s| Box::pin(services::metrics(s))),
    ("conditions are waited for", |s| Box::pin(services::conditions(s))),
    ("health follows the check", |s| {
        Box::pin(supervision::health_is_reported(s))
    }),
    ("a main process that ends is restarted", |s| {
        Box::pin(supervision::restarted_after_an_end(s))
    }),
    ("an unhealthy environment is restarted", |s| {
        Box::pin(supervision::restarted_when_unhealthy(s))
    }),
    ("an environment that is to fail is not restarted", |s| {
        Box::pin(supervision::failed_when_unhealthy(s))
    }),
    ("an environment is made anew after an end", |s| {
        Box::pin(supervision::made_anew_after_an_end(s))
    }),
    ("output of a main process goes on after a restart", |s| {
        Box::pin(supervision::output_goes_on_after_a_restart(s))
    }),
    ("a paused environment can be resumed and ended", |s| {
        Box::pin(pause::paused(s))
    }),
    ("a renamed environment keeps its ID", |s| {
        Box::pin(pause::renamed(s))
    }),
    ("limits change while it runs", |s| Box::pin(pause::updated(s))),
    ("processes are listed", |s| Box::pin(pause::processes_listed(s))),
    ("what others do is reported", |s| {
        Box::pin(watch::others_are_seen(s))
    }),
    ("what this process does is reported once", |s| {
        Box::pin(watch::ours_are_reported_once(s))
    }),
    ("forks have files of their own", |s| Box::pin(states::forked(s))),
    ("prepared forks have the state of their preparation", |s| {
        Box::pin(states::prepared(s))
    }),
    #[cfg(unix)]
    ("a snapshot is restored", |s| Box::pin(states::restored(s))),
    ("destroying is idempotent", |s| {
        Box::pin(lifecycle::destroyed_twice(s))
    }),
    ("dropping destroys", |s| Box::pin(lifecycle::dropped(s))),
    ("a kept environment survives its handle", |s| {
        Box::pin(lifecycle::kept(s))
    }),
    ("stdout and stderr are separate", |s| {
        Box::pin(commands::streams_apart(s))
    }),
    ("the exit code is that of the command", |s| {
        Box::pin(commands::exit_codes(s))
    }),
    ("a missing program is 127, a file without permission 126", |s| {
        Box::pin(commands::not_started(s))
    }),
    ("an invalid command is rejected", |s| {
        Box::pin(commands::bad_command(s))
    }),
    ("arguments arrive unchanged", |s| Box::pin(commands::arguments(s))),
    ("output arrives after input is closed", |s| {
        Box::pin(commands::half_close(s))
    }),
    ("a megabyte of input is echoed", |s| {
        Box::pin(commands::much_input(s))
    }),
    ("unread input is not an error", |s| {
        Box::pin(commands::unread_input(s))
    }),
    ("empty input ends at once", |s| Box::pin(commands::no_input(s))),
    ("only given variables arrive", |s| {
        Box::pin(commands::variables(s))
    }),
    ("commands start in their working directory", |s| {
        Box::pin(commands::working_directory(s))
    }),
    ("8 MiB of output arrive intact", |s| {
        Box::pin(commands::much_output(s))
    }),
    ("commands run in parallel", |s| Box::pin(commands::parallel(s))),
    ("a terminal is one stream", |s| Box::pin(terminal::one_stream(s))),
    ("the input of a terminal ends", |s| {
        Box::pin(terminal::input_ends(s))
    }),
    ("keys are signals, and a terminal can be resized", |s| {
        Box::pin(terminal::keys_and_size(s))
    }),
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
    ("a copied file comes back unchanged", |s| {
        Box::pin(files::round_trip(s))
    }),
    ("a copied directory comes back unchanged", |s| {
        Box::pin(files::directory_round_trip(s))
    }),
    ("an existing directory keeps its permissions", |s| {
        Box::pin(files::existing_directories(s))
    }),
    ("copies of the specification exist", |s| {
        Box::pin(files::specified_copies(s))
    }),
    ("absolute paths start at the root", |s| {
        Box::pin(files::absolute_paths(s))
    }),
    ("a path outside is rejected", |s| {
        Box::pin(files::paths_outside(s))
    }),
    ("a missing source is an error", |s| {
        Box::pin(files::missing_sources(s))
    }),
];

/// Runs every check on an engine. Each one creates its own environments from `make_spec`, and
/// destroys them.
pub async fn check(engine: Arc<dyn Engine>, make_spec: &(dyn Fn() -> EnvironmentSpec + Sync)) -> Report {
    let mut report = Report::default();
    for (check, run) in CHECKS {
        let one = async {
            let subject = Subject::new(Arc::clone(&engine), make_spec).await?;
            let outcome = run(&subject).await;
            let left = subject.manager.shutdown().await;
            outcome.and(left.map_err(Into::into))
        };
        let why = match tokio::time::timeout(TIMEOUT, one).await {
            Ok(Ok(())) => {
                report.passed.push(check);
                continue;
            }
            Ok(Err(why)) => why.0,
            Err(_) => format!("it did not end within {TIMEOUT:?}"),
        };
        report.failed.push(FailedCheck { check, why });
    }
    report
}
