//! Prints the lines of logs.

use isolation::{LogEntry, LogLine, OutputStream, counted};
use serde_json::json;

use super::stream::Sink;
use crate::console::Console;
use crate::error::CliError;
use crate::parse;

/// Prints lines.
pub(super) struct Printer {
    pub(super) sink: Sink,
    pub(super) console: Console,
    pub(super) timestamps: bool,
}

impl Printer {
    /// Prints an entry; a line of a group begins with the name of its service.
    pub(super) async fn entry(&mut self, service: Option<&str>, entry: &LogEntry) -> Result<(), CliError> {
        let lines = match entry {
            LogEntry::Line(line) => return self.line(service, line).await,
            LogEntry::Gap { lines } => lines,
        };
        self.console.note(&match lines {
            0 => "lines are missing: the connection to the engine was lost".to_owned(),
            lines => counted(
                *lines,
                "line is missing: it came faster than it was read",
                "lines are missing: they came faster than they were read",
            ),
        });
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
