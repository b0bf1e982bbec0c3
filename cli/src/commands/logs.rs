//! `isolate logs`: what the main process has written.

use std::time::SystemTime;

use clap::Args;
use isolation::{LogEntry, LogLine, LogOptions, OutputStream};
use serde_json::json;

use super::stream::Sink;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// Show what the main process of an environment has written
///
/// Its standard output goes to standard output, its standard error to standard error.
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
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Logs {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let environment = session.manager().open(&self.environment).await?;
        let options = LogOptions {
            follow: self.follow,
            since: self.since,
            until: self.until,
            tail: self.tail,
            ..LogOptions::default()
        };
        let mut sink = Sink::new(console);
        let printing = async {
            let mut log = environment.logs(options).await?;
            while let Some(entry) = log.next().await? {
                match entry {
                    LogEntry::Line(line) => self.line(&mut sink, &line).await?,
                    LogEntry::Gap { lines } => {
                        console.note(&format!(
                            "{lines} lines are missing: they came faster than they were read"
                        ));
                        sink.event(json!({ "type": "gap", "lines": lines })).await?;
                    }
                }
            }
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(printing).await
    }

    async fn line(&self, sink: &mut Sink, line: &LogLine) -> Result<(), CliError> {
        let time = line.at.map(parse::rfc3339);
        let name = match line.stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        if sink.is_json() {
            let mut event = super::stream::piece(name, &line.text);
            event["at"] = json!(time);
            return sink.event(event).await;
        }
        let mut bytes = Vec::with_capacity(line.text.len() + 1);
        if let (true, Some(time)) = (self.timestamps, time) {
            bytes.extend_from_slice(time.as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&line.text);
        if line.complete {
            bytes.push(b'\n');
        }
        sink.chunk(match line.stream {
            OutputStream::Stdout => isolation::Chunk::Stdout(bytes.into()),
            OutputStream::Stderr => isolation::Chunk::Stderr(bytes.into()),
        })
        .await
    }
}
