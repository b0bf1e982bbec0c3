//! The history of an environment in this process: the commands that it ran there and their output,
//! results of the health check, and samples of metrics. The oldest entries are dropped first.

mod check_result;
mod command_record;
mod hidden;
mod output;
mod samples;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::command::execution::Chunk;
use crate::command::exit_status::ExitStatus;
use crate::metrics::MetricsSample;

pub use self::check_result::CheckResult;
pub use self::command_record::CommandRecord;
pub(crate) use self::output::Piece;

use self::hidden::Hidden;
use self::output::OutputRing;
use self::samples::Samples;

/// The number of commands that are kept.
const COMMANDS: usize = 500;

/// The number of results of the health check that are kept.
const CHECKS: usize = 20;

/// The history of one environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Counts additions to the output, for readers that follow it.
    grown: watch::Sender<u64>,
    /// Whether a task takes samples.
    sampled: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    commands: VecDeque<CommandRecord>,
    begun: u64,
    hidden: Hidden,
    output: OutputRing,
    checks: VecDeque<CheckResult>,
    samples: Samples,
    ended: bool,
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the start of a command; returns its number.
    pub(crate) fn command_began(&self, argv: &[String]) -> u64 {
        let mut inner = self.lock();
        inner.begun += 1;
        let number = inner.begun;
        if inner.commands.len() == COMMANDS {
            inner.commands.pop_front();
        }
        inner.commands.push_back(CommandRecord {
            number,
            argv: argv.to_vec(),
            began: SystemTime::now(),
            ended: None,
            exit: None,
        });
        number
    }

    /// Stores the values of a command's environment variables, which no bundle may contain.
    pub(crate) fn hide<'v>(&self, values: impl Iterator<Item = &'v String>) {
        let mut inner = self.lock();
        values.for_each(|value| inner.hidden.add(value));
    }

    /// The values that no bundle may contain.
    pub(crate) fn hidden(&self) -> Vec<String> {
        self.lock().hidden.values()
    }

    /// Records the exit of a command; `None` if it was abandoned.
    pub(crate) fn command_ended(&self, number: u64, exit: Option<ExitStatus>) {
        let mut inner = self.lock();
        let found = inner.commands.iter_mut().rfind(|one| one.number == number);
        if let Some(command) = found {
            command.ended = Some(SystemTime::now());
            command.exit = exit;
        }
        drop(inner);
        self.0.grown.send_modify(|count| *count += 1);
    }

    /// Records a piece of a command's output.
    pub(crate) fn wrote(&self, number: u64, chunk: &Chunk) {
        self.lock().output.add(number, chunk);
        self.0.grown.send_modify(|count| *count += 1);
    }

    /// The commands, oldest first.
    pub(crate) fn commands(&self) -> Vec<CommandRecord> {
        self.lock().commands.iter().cloned().collect()
    }

    /// The numbers of the commands that have exited.
    pub(crate) fn ended_commands(&self) -> Vec<u64> {
        let inner = self.lock();
        let ended = inner.commands.iter().filter(|one| one.ended.is_some());
        ended.map(|one| one.number).collect()
    }

    /// The stored pieces of output from this number on.
    pub(crate) fn output(&self, from: u64) -> Vec<Piece> {
        self.lock().output.since(from)
    }

    /// Whether the environment no longer exists, so that no output follows.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Records that the environment no longer exists.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.0.grown.send_modify(|count| *count += 1);
    }

    /// Notifies when output is added.
    pub(crate) fn grown(&self) -> watch::Receiver<u64> {
        self.0.grown.subscribe()
    }

    /// Records a result of the health check.
    pub(crate) fn checked(&self, result: CheckResult) {
        let mut inner = self.lock();
        if inner.checks.len() == CHECKS {
            inner.checks.pop_front();
        }
        inner.checks.push_back(result);
    }

    /// Stores the results of a health check that the engine runs.
    pub(crate) fn found_checks(&self, checks: &[CheckResult]) {
        self.lock().checks = checks.iter().cloned().collect();
    }

    /// The last results of the health check, oldest first.
    pub(crate) fn checks(&self) -> Vec<CheckResult> {
        self.lock().checks.iter().cloned().collect()
    }

    /// Records a sample. Its peak memory becomes at least that of earlier samples.
    pub(crate) fn measured(&self, sample: &mut MetricsSample) {
        self.lock().samples.add(sample);
    }

    /// Whether a task takes samples.
    pub(crate) fn sampled(&self) -> &AtomicBool {
        &self.0.sampled
    }

    /// The samples, oldest first.
    pub(crate) fn samples(&self) -> Vec<MetricsSample> {
        self.lock().samples.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_commands_are_forgotten() {
        let history = History::default();
        for _ in 0..COMMANDS + 3 {
            let number = history.command_began(&["true".to_owned()]);
            history.command_ended(number, Some(ExitStatus::from_code(0)));
        }
        history.command_ended(1, None);
        let commands = history.commands();
        assert_eq!((commands.len(), commands[0].number), (COMMANDS, 4));
        assert!(
            commands
                .iter()
                .all(|one| one.exit.is_some() && one.ended >= Some(one.began))
        );
    }

    #[test]
    fn last_results_of_the_health_check_are_kept() {
        let history = History::default();
        for code in 0..30 {
            history.checked(CheckResult::new(ExitStatus::from_code(code), b"text"));
        }
        let codes: Vec<_> = history
            .checks()
            .iter()
            .map(|one| one.exit.unwrap().code)
            .collect();
        assert_eq!(codes, (10..30).collect::<Vec<_>>());
    }
}
