//! The history of an environment in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::Environment;
use super::run_events::ended;
use super::shared::Shared;
use crate::bundle::directory_for;
use crate::command::execution::Execution;
use crate::diagnose::{Diagnosis, Evidence};
use crate::error::Result;
use crate::events::EventKind;
use crate::history::{CheckResult, CommandRecord};
use crate::logs::commands::lines_of;
use crate::logs::{LogOptions, LogStream};
use crate::metrics::MetricsSample;

impl Environment {
    /// Reads the output of the main process, also after it has exited, or of commands: see
    /// [`LogOrigin`](crate::LogOrigin).
    pub async fn logs(&self, options: LogOptions) -> Result<LogStream> {
        self.shared().logs(options).await
    }

    /// Measures the current resource usage.
    pub async fn metrics(&self) -> Result<MetricsSample> {
        self.shared().metrics().await
    }

    /// The commands that this process has run in it, oldest first: the last 500. Their output is
    /// among the [`logs`](Self::logs).
    pub fn commands(&self) -> Vec<CommandRecord> {
        self.shared().history.commands()
    }

    /// The last results of the [health check](crate::EnvironmentSpec::health), oldest first: 20 of
    /// one that this process runs, and those of the last [`inspect`](Self::inspect) if the engine
    /// runs it.
    pub fn health_checks(&self) -> Vec<CheckResult> {
        self.shared().history.checks()
    }

    /// The samples that this process has taken, oldest first: those of [`metrics`](Self::metrics),
    /// and one every ten seconds since the start. They cover the whole lifetime; only a part of the
    /// older samples is kept.
    pub fn metrics_history(&self) -> Vec<MetricsSample> {
        self.shared().history.samples()
    }

    /// The facts about the last failure of the environment, of its main process or of its last
    /// command.
    pub async fn evidence(&self) -> Evidence {
        self.shared().evidence(None).await
    }

    /// Writes everything that is known about it into a directory, which must not exist or must be
    /// empty: specification, state, engine, commands with their output, log, events, metrics,
    /// results of the health check, changed files, networks, and `README.md` with the likely cause
    /// of a failure.
    ///
    /// Values of environment variables and labels are removed, also where they occur in other
    /// texts. At most about 1 MB is written.
    pub async fn bundle(&self, directory: impl AsRef<Path>) -> Result<Diagnosis> {
        self.shared().bundle(directory.as_ref(), None).await
    }

    /// Like [`bundle`](Self::bundle), into a new directory in `parent`. Its name contains the time
    /// and the name of the environment. Returns that directory.
    pub async fn bundle_in(&self, parent: impl AsRef<Path>) -> Result<PathBuf> {
        let directory = directory_for(parent.as_ref(), self.name(), SystemTime::now());
        self.bundle(&directory).await?;
        Ok(directory)
    }

    /// Adds the facts about a failure to its error, and writes a bundle if the manager has a
    /// directory for bundles.
    pub(super) async fn explained<T>(&self, result: Result<T>) -> Result<T> {
        self.shared().explained(result).await
    }
}

impl Shared {
    /// Records the output and the exit of a command, and sends the events of its start and exit.
    pub(super) fn track(&self, execution: &mut Execution, argv: Vec<String>) {
        self.emit(EventKind::CommandStarted { argv: argv.clone() });
        execution.limit_kill(Arc::clone(&self.end_timeout) as _);
        let number = self.history.command_began(&argv);
        let history = self.history.clone();
        execution.on_output(Box::new(move |chunk| history.wrote(number, chunk)));
        let (events, subject, history) = (self.events.clone(), self.subject(), self.history.clone());
        let store = self.journal.output().filter(|_| self.is_kept());
        execution.on_end(Box::new(move |exit| {
            history.command_ended(number, exit);
            if let Some(store) = store {
                // The command has its own result, so an error of the log is ignored.
                let _ = store.append(&lines_of(number, history.output(0)));
            }
            events.emit(subject, ended(argv, exit));
        }));
    }
}
