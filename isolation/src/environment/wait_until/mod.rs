//! Waits until an environment is ready.
//!
//! Each condition is checked immediately, and then repeatedly after a growing pause. The exit of
//! the main process also ends the wait: an exited program cannot become ready.

mod http;
mod not_ready;
mod port;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

pub use self::not_ready::NotReady;
use super::evidence::texts;
use super::health_count::HealthCount;
use super::shared::Shared;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::exit_status::ExitStatus;
use crate::counted::counted;
use crate::engine::watch::Health;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Step};
use crate::history::CheckResult;
use crate::join;
use crate::logs::{LogEntry, LogOptions, OutputStream};
use crate::short::short_path;
use crate::spec::health::HealthSpec;
use crate::spec::validate::Faults;
use crate::spec::wait_for::{DEFAULT_TIMEOUT, LogProbe, WaitFor};

/// The pause after the first check.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The maximum pause between two checks at first: most services become ready quickly, and their
/// tests should continue at once.
const LONGEST_EARLY_PAUSE: Duration = Duration::from_millis(30);

/// The time until which pauses are that short.
const EARLY: Duration = Duration::from_secs(10);

/// The maximum pause between two checks later.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The time that a failed check waits for the exit of the main process, which would explain the
/// failure.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(1);

/// The same time for a check that fails because the environment does not run. A busy engine reports
/// the exit only after it has written the log.
const EXIT_TIMEOUT: Duration = Duration::from_secs(15);

/// The number of log lines in an error.
const LAST_LINES: u64 = 20;

/// The timeout of reading the lines of an error.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a condition can no longer become true.
enum Failed {
    /// The main process has ended.
    Exited(ExitStatus),
    /// The health check fails.
    Unhealthy,
    /// The engine failed.
    Error(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

type Outcome = std::result::Result<(), Failed>;

/// The last observation of a condition.
#[derive(Debug, Default)]
struct Seen {
    text: Option<String>,
    /// The results of the health check in the text.
    checks: Vec<CheckResult>,
}

#[derive(Debug, Clone, Default)]
struct Note(Arc<Mutex<Seen>>);

impl Note {
    fn set(&self, text: Option<String>) {
        *self.seen() = Seen {
            text,
            checks: Vec::new(),
        };
    }

    fn set_checks(&self, checks: Vec<CheckResult>) {
        let results = not_ready::in_words(&checks);
        *self.seen() = Seen {
            text: Some(format!("the health check fails: {results}")),
            checks,
        };
    }

    fn get(&self) -> Option<String> {
        self.seen().text.clone()
    }

    fn checks(&self) -> Option<Vec<CheckResult>> {
        Some(self.seen().checks.clone()).filter(|checks| !checks.is_empty())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Waits for the readiness of the specification.
    pub(in crate::environment) async fn wait_ready(&self) -> Result<()> {
        let Some(ready) = &self.spec.ready else {
            return Ok(());
        };
        let timeout = ready.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let began = Instant::now();
        let ready = self.until(&ready.wait_for, timeout).await;
        self.emit(EventKind::Step {
            step: Step::Ready,
            waited: Duration::ZERO,
            took: began.elapsed(),
        });
        self.report("start the environment", self.name(), ready).await
    }

    /// Waits until the condition is true.
    pub(crate) async fn wait_until(&self, condition: &WaitFor, timeout: Duration) -> Result<()> {
        let ready = self.until(condition, timeout).await;
        self.report("wait for", self.name(), ready).await
    }

    pub(super) async fn until(&self, condition: &WaitFor, timeout: Duration) -> Result<()> {
        let mut faults = Faults::default();
        condition.check(self.instance.main().is_some(), &mut faults);
        faults.into_result()?;
        super::checks::exists(self.status())?;
        let began = Instant::now();
        let deadline = began.checked_add(timeout);
        let mut notes = Vec::new();
        let look = self.look_at(condition, &mut notes);
        let outcome = match deadline {
            Some(at) => timeout_at(at, look).await,
            None => Ok(look.await),
        };
        let (kind, exit) = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Failed::Error(error))) => return Err(error),
            Ok(Err(Failed::Exited(exit))) if exit.oom => (ErrorKind::OutOfMemory, Some(exit)),
            Ok(Err(Failed::Exited(exit))) => (ErrorKind::Unhealthy, Some(exit)),
            Ok(Err(Failed::Unhealthy)) => (ErrorKind::Unhealthy, None),
            Err(_) => (ErrorKind::Timeout, None),
        };
        let lines = self.last_lines(None, LAST_LINES, exit.is_some(), LAST_LINES_TIMEOUT);
        let lines = lines.await;
        let of_stderr = lines.iter().rfind(|line| line.stream == OutputStream::Stderr);
        let not_ready = NotReady {
            condition: short_path(&condition.to_string()).into_owned(),
            elapsed: began.elapsed(),
            observed: notes.iter().filter_map(Note::get).collect(),
            // Not those that were made since.
            checks: match (notes.iter().find_map(Note::checks), condition.needs_health()) {
                (Some(observed), _) => observed,
                (None, true) => self.last_checks(),
                (None, false) => Vec::new(),
            },
            exit,
            last_lines: texts(&lines),
            last_of_stderr: of_stderr.map(|line| line.text_lossy().into_owned()),
        };
        Err(Error::not_ready(kind, not_ready))
    }

    fn look_at<'a>(&'a self, condition: &'a WaitFor, notes: &mut Vec<Note>) -> BoxFuture<'a, Outcome> {
        let mut note = || {
            let note = Note::default();
            notes.push(note.clone());
            note
        };
        match condition {
            WaitFor::Port(port) => {
                let note = note();
                Box::pin(self.or_exit(async move { self.listens(*port, &note).await }))
            }
            WaitFor::Http(probe) => {
                let note = note();
                Box::pin(self.or_exit(async move { self.replies(probe, &note).await }))
            }
            WaitFor::Command(command) => {
                let note = note();
                Box::pin(self.or_exit(async move { self.succeeds(command, &note).await }))
            }
            WaitFor::File(path) => {
                let (note, test) = (note(), Command::new(["test", "-e", path]));
                Box::pin(self.or_exit(async move {
                    note.set(Some(format!("the file {path} does not exist")));
                    self.succeeds(&test, &Note::default()).await
                }))
            }
            WaitFor::Log(probe) => Box::pin(self.is_logged(probe, note())),
            WaitFor::Exit(code) => Box::pin(self.exits(*code)),
            WaitFor::Healthy => {
                let note = note();
                Box::pin(async move {
                    match self.or_exit(self.becomes_healthy(&note)).await? {
                        true => Ok(()),
                        false => Err(Failed::Unhealthy),
                    }
                })
            }
            WaitFor::All(conditions) => {
                let looks = conditions.iter().map(|one| self.look_at(one, notes)).collect();
                Box::pin(async { join::all(looks).await.map(drop) })
            }
            WaitFor::Any(conditions) => {
                let looks = conditions.iter().map(|one| self.look_at(one, notes)).collect();
                Box::pin(join::any(looks))
            }
        }
    }

    /// Ends the check when the main process exits.
    async fn or_exit<T>(
        &self,
        look: impl Future<Output = Result<T>> + Send,
    ) -> std::result::Result<T, Failed> {
        let Some(main) = self.instance.main() else {
            return Ok(look.await?);
        };
        let mut exit = main.wait();
        let error = tokio::select! {
            biased;
            ready = look => match ready {
                Ok(value) => return Ok(value),
                Err(error) => error,
            },
            exit = &mut exit => return Err(Failed::Exited(exit?)),
        };
        // A check also fails if the main process exits during the check, and the exit explains
        // more.
        let limit = match error.observed_status() {
            Some(status) if !status.is_running() => EXIT_TIMEOUT,
            _ => EXPLANATION_TIMEOUT,
        };
        match tokio::time::timeout(limit, exit).await {
            Ok(Ok(exit)) => Err(Failed::Exited(exit)),
            _ => Err(Failed::Error(error)),
        }
    }

    /// Waits until the command exits with code 0.
    async fn succeeds(&self, command: &Command, note: &Note) -> Result<()> {
        let mut pause = Pause::default();
        loop {
            // The attempts send no events.
            let output = self.begin_command(command).await?.output().await?;
            if output.exit.success() {
                note.set(None);
                return Ok(());
            }
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.trim_end().lines().last().unwrap_or_default();
            let program = command.program();
            note.set(Some(format!(
                "the command {program} ended with {}: {last}",
                output.exit
            )));
            pause.sleep().await;
        }
    }

    /// The results of the health check that an error has.
    fn last_checks(&self) -> Vec<CheckResult> {
        let mut checks = self.history.checks();
        checks.drain(..checks.len().saturating_sub(not_ready::CHECKS));
        checks
    }

    /// Waits until the health check succeeds, or the environment is unhealthy.
    async fn becomes_healthy(&self, note: &Note) -> Result<bool> {
        let of_image = HealthSpec::default();
        let health = self.spec.health.as_ref().unwrap_or(&of_image);
        if health.disabled {
            let why = "its health check is disabled; wait for another condition";
            return Err(Error::invalid(why));
        }
        let (health, check) = self.check_of(health).await?;
        let mut count = HealthCount::new(&health);
        loop {
            let began = Instant::now();
            if self.is_healthy(&check).await {
                note.set(None);
                return Ok(true);
            }
            count.has_failed(began);
            note.set_checks(self.last_checks());
            let is_unhealthy = match &self.spec.health {
                Some(_) => count.is_unhealthy(),
                // The times of the image's health check are those of the engine, which runs it,
                // too.
                None => {
                    let found = self.instance.inspect().await?.health;
                    found.is_some_and(|found| found.status == Health::Unhealthy)
                }
            };
            if is_unhealthy {
                return Ok(false);
            }
            count.until_next().await;
        }
    }

    async fn is_logged(&self, probe: &LogProbe, note: Note) -> Outcome {
        let (Some(logs), Some(main)) = (self.instance.logs(), self.instance.main()) else {
            let feature = crate::engine::capabilities::Feature::Logs;
            return Err(Failed::Error(self.no_facet(feature)));
        };
        let regex = probe.regex()?;
        let options = LogOptions {
            follow: true,
            stream: probe.stream,
            ..LogOptions::default()
        };
        let mut log = logs.read(&options).await?;
        let mut found = 0;
        loop {
            note.set(Some(format!(
                "{found} of {} like {:?}",
                counted(probe.count, "line", "lines"),
                probe.pattern
            )));
            match log.next().await? {
                Some(LogEntry::Line(line)) if regex.is_match(&line.text) => found += 1,
                Some(_) => continue,
                None => return Err(Failed::Exited(main.wait().await?)),
            }
            if found == probe.count {
                note.set(None);
                return Ok(());
            }
        }
    }

    async fn exits(&self, code: i32) -> Outcome {
        let Some(main) = self.instance.main() else {
            let feature = crate::engine::capabilities::Feature::MainProcess;
            return Err(Failed::Error(self.no_facet(feature)));
        };
        let exit = main.wait().await?;
        match exit.code == code {
            true => Ok(()),
            false => Err(Failed::Exited(exit)),
        }
    }
}

/// The pauses between checks.
struct Pause {
    next: Duration,
    began: Instant,
}

impl Default for Pause {
    fn default() -> Self {
        Self {
            next: FIRST_PAUSE,
            began: Instant::now(),
        }
    }
}

impl Pause {
    async fn sleep(&mut self) {
        sleep(self.next).await;
        let longest = match self.began.elapsed() < EARLY {
            true => LONGEST_EARLY_PAUSE,
            false => LONGEST_PAUSE,
        };
        self.next = (self.next * 3 / 2).min(longest);
    }
}
