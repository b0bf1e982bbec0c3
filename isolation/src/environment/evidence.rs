//! Collects the facts about a failure, before anything is removed.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::shared::Shared;
use super::status::Status;
use crate::bundle::directory_for;
use crate::diagnose::{Diagnosis, Evidence, FailedCommand};
use crate::engine::instance::Findings;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::logs::{LogEntry, LogLine, LogOptions, OutputStream};
use crate::spec::main_process::Main;
use crate::spec::network::NetworkMode;

/// The number of lines of each stream that are kept.
const LINES: u64 = 200;

/// The timeout of a request. A daemon that hangs must not delay the error for long.
const LIMIT: Duration = Duration::from_secs(3);

/// The exit codes of a program that could not be run.
const NOT_RUN: [i32; 2] = [126, 127];

impl Shared {
    /// Adds the facts about a failure to its error, unless the error explains itself.
    pub(super) async fn explained<T>(&self, result: Result<T>) -> Result<T> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.evidence().is_some() || !needs_evidence(error.kind()) {
            return Err(error);
        }
        let evidence = self.evidence(Some(&error)).await;
        let error = error.with_evidence(evidence);
        if let Some(parent) = &self.bundles {
            let directory = directory_for(parent, self.name(), SystemTime::now());
            self.report_bundle(&directory, self.bundle(&directory, Some(&error)).await);
        }
        Err(error)
    }

    /// Reports that a bundle was written, or why not. The failure that it describes is always
    /// returned.
    fn report_bundle(&self, directory: &Path, written: Result<Diagnosis>) {
        self.emit(match written {
            Ok(_) => EventKind::BundleWritten {
                directory: directory.display().to_string(),
            },
            Err(error) => EventKind::Failed {
                operation: error.operation().unwrap_or_default().to_owned(),
                kind: error.kind(),
                message: error.to_string(),
            },
        });
    }

    /// The facts about a failure of the environment, of its main process or of its last command.
    pub(crate) async fn evidence(&self, error: Option<&Error>) -> Evidence {
        let mut evidence = error.map(Error::as_evidence).unwrap_or_default();
        evidence.image.clone_from(&self.spec.image);
        evidence.without_network = self.spec.network.mode == NetworkMode::None;
        if let Main::Command(command) = &self.spec.main {
            evidence.main.clone_from(&command.argv);
        }
        evidence.checks = self.history.checks();
        evidence.command = self.failed_command(error);
        let unreachable = error.is_some_and(|error| error.kind() == ErrorKind::Unavailable);
        if unreachable {
            // Every request would wait for its timeout.
            return evidence;
        }
        // The log is read after the state: an engine that reports an end has written the log.
        if let Ok(Ok(state)) = timeout(LIMIT, self.instance.inspect()).await {
            evidence.status = Some(state.status);
            evidence.exit = state.exit;
        }
        let runs = matches!(evidence.status, Some(Status::Running | Status::Paused) | None);
        let last = |stream| self.last_lines(Some(stream), LINES, !runs, LIMIT);
        let (stdout, stderr) = tokio::join!(last(OutputStream::Stdout), last(OutputStream::Stderr));
        (evidence.stdout, evidence.stderr) = (texts(&stdout), texts(&stderr));
        let of_this = self.events.of(&self.id);
        evidence.out_of_memory = of_this.iter().any(|event| event.kind == EventKind::OutOfMemory);
        let findings = self.findings(&evidence).await;
        (evidence.platforms, evidence.program) = (findings.platforms, findings.program);
        evidence.out_of_memory |= findings.out_of_memory;
        evidence
            .error
            .extend(findings.error.filter(|text| !evidence.error.contains(text)));
        evidence
    }

    async fn findings(&self, evidence: &Evidence) -> Findings {
        let Some(inspection) = self.instance.inspection() else {
            return Findings::default();
        };
        let not_run = match &evidence.command {
            Some(command) => NOT_RUN.contains(&command.exit.code),
            // The main process did not start, or only its shell or init program started.
            None => evidence.exit.is_none_or(|exit| exit.code != 0),
        };
        let argv = evidence
            .command
            .as_ref()
            .map_or(&evidence.main, |command| &command.argv);
        let program = argv
            .first()
            .filter(|_| not_run && !is_script(argv))
            .map(String::as_str);
        match timeout(LIMIT, inspection.findings(program)).await {
            Ok(Ok(findings)) => findings,
            // The failure is always reported.
            _ => Findings::default(),
        }
    }

    /// The last command, if it failed and no call failed.
    fn failed_command(&self, error: Option<&Error>) -> Option<FailedCommand> {
        if error.is_some() {
            return None;
        }
        let command = self.history.commands().pop()?;
        let exit = command.exit.filter(|exit| !exit.success())?;
        let mut output: Vec<String> = Vec::new();
        let pieces = self.history.output(0);
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let of_it = pieces
                .iter()
                .filter(|piece| piece.command == command.number && piece.stream == stream);
            let bytes: Vec<u8> = of_it.flat_map(|piece| piece.bytes.iter().copied()).collect();
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let begin = lines.len().saturating_sub(LINES as usize);
            output.extend(lines[begin..].iter().map(|line| (*line).to_owned()));
        }
        let argv = command.argv;
        Some(FailedCommand { argv, exit, output })
    }

    /// The last lines of the main process, of one stream or of both, as many as can be read within
    /// `limit`. The log of a main process that has ended is read until the engine ends it: a busy
    /// engine may still write it.
    pub(super) async fn last_lines(
        &self,
        stream: Option<OutputStream>,
        count: u64,
        has_ended: bool,
        limit: Duration,
    ) -> Vec<LogLine> {
        let mut lines = VecDeque::new();
        let Some(logs) = self.instance.logs() else {
            return Vec::new();
        };
        let options = LogOptions {
            tail: Some(count),
            stream,
            follow: has_ended,
            ..LogOptions::default()
        };
        let read = async {
            let mut log = logs.read(&options).await?;
            while let Some(entry) = log.next().await? {
                if let LogEntry::Line(line) = entry {
                    lines.push_back(line);
                }
                if lines.len() as u64 > count {
                    lines.pop_front();
                }
            }
            Ok::<_, Error>(())
        };
        // The failure is always reported, with the lines that were read.
        let _ = timeout(limit, read).await;
        lines.into()
    }
}

/// The texts of lines.
pub(super) fn texts(lines: &[LogLine]) -> Vec<String> {
    lines.iter().map(|line| line.text_lossy().into_owned()).collect()
}

/// Whether a shell runs a script: then the shell itself is not the program that could not be run.
fn is_script(argv: &[String]) -> bool {
    let shells = ["sh", "ash", "bash", "dash", "zsh"];
    let is_shell = |program: &String| shells.contains(&program.rsplit('/').next().unwrap_or_default());
    argv.len() > 1 && argv.first().is_some_and(is_shell)
}

/// Whether a failure of this kind needs more facts than the error.
fn needs_evidence(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::WrongStatus
            | ErrorKind::Restarted
            | ErrorKind::OutsideEnvironment
            | ErrorKind::ShutDown
            | ErrorKind::Unsupported
    )
}
