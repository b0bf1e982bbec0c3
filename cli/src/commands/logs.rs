//! `isolate logs`: what the main process has written.

use std::time::SystemTime;

use clap::Args;
use isolation::{Environment, LogEntry, LogLine, LogOptions, OutputStream};
use serde_json::json;

use super::group_logs;
use super::stream::Sink;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Show what the main process of an environment has written, or those of a group
///
/// Its standard output goes to standard output, its standard error to standard error. Each line of
/// a group begins with the name of its service.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Continue with new lines until the main process ends
    #[arg(long, short)]
    follow: bool,
    /// Show only this many lines from the end
    #[arg(long, short = 'n', value_name = "N", visible_alias = "lines")]
    tail: Option<u64>,
    /// Show only lines since this time: 2026-11-28T18:00:00Z, or 10m for the last ten minutes
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    since: Option<SystemTime>,
    /// Show only lines until this time
    #[arg(long, value_name = "TIME", value_parser = parse::time)]
    until: Option<SystemTime>,
    /// Print the time before each line
    #[arg(long, short)]
    timestamps: bool,
    /// Name or ID of the environment, or name of a group; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Logs {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let manager = session.manager();
        let opened = match manager.open(&self.environment).await {
            Err(error) if error.is_not_found() => match manager.group(&self.environment).await {
                Ok(group) => Err(group),
                // What is missing is more likely an environment.
                Err(none) if none.is_not_found() => return Err(error.into()),
                Err(failed) => return Err(failed.into()),
            },
            opened => Ok(opened?),
        };
        let mut printer = Printer {
            sink: Sink::new(console),
            console,
            timestamps: self.timestamps,
        };
        let printing = async {
            match opened {
                Ok(environment) => self.environment(&environment, &mut printer).await,
                Err(group) => {
                    group_logs::print(&group, &self.options(), &mut printer).await?;
                    Ok(exit_code::SUCCESS)
                }
            }
        };
        signals::interruptible(printing).await
    }

    async fn environment(&self, environment: &Environment, printer: &mut Printer) -> Result<u8, CliError> {
        let mut log = environment.logs(self.options()).await?;
        while let Some(entry) = log.next().await? {
            printer.entry(None, &entry).await?;
        }
        Ok(exit_code::SUCCESS)
    }

    fn options(&self) -> LogOptions {
        LogOptions {
            follow: self.follow,
            since: self.since,
            until: self.until,
            tail: self.tail,
            ..LogOptions::default()
        }
    }
}

/// Prints lines.
pub(super) struct Printer {
    sink: Sink,
    console: Console,
    timestamps: bool,
}

impl Printer {
    /// Prints an entry; a line of a group begins with the name of its service.
    pub(super) async fn entry(&mut self, service: Option<&str>, entry: &LogEntry) -> Result<(), CliError> {
        let lines = match entry {
            LogEntry::Line(line) => return self.line(service, line).await,
            LogEntry::Gap { lines } => lines,
        };
        self.console.note(&format!(
            "{lines} lines are missing: they came faster than they were read"
        ));
        let mut gap = json!({ "type": "gap", "lines": lines });
        if let Some(service) = service {
            gap["service"] = json!(service.trim_end());
        }
        self.sink.event(gap).await
    }

    async fn line(&mut self, service: Option<&str>, line: &LogLine) -> Result<(), CliError> {
        let time = line.at.map(parse::rfc3339);
        let name = match line.stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        if self.sink.is_json() {
            let mut event = super::stream::piece(name, &line.text);
            event["at"] = json!(time);
            if let Some(service) = service {
                event["service"] = json!(service.trim_end());
            }
            return self.sink.event(event).await;
        }
        let mut bytes = Vec::with_capacity(line.text.len() + 1);
        if let Some(service) = service {
            bytes.extend_from_slice(service.as_bytes());
            bytes.extend_from_slice(b" | ");
        }
        if let (true, Some(time)) = (self.timestamps, time) {
            bytes.extend_from_slice(time.as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&line.text);
        // In a group, the next line may be of another service.
        if line.complete || service.is_some() {
            bytes.push(b'\n');
        }
        self.sink
            .chunk(match line.stream {
                OutputStream::Stdout => isolation::Chunk::Stdout(bytes.into()),
                OutputStream::Stderr => isolation::Chunk::Stderr(bytes.into()),
            })
            .await
    }
}
