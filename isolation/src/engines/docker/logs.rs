//! The log of an environment's container.

use std::time::SystemTime;

use engine_api::common::Timestamp;
use engine_api::containers::ReadLogs;
use engine_api::{Chunk, Output};

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use crate::BoxFuture;
use crate::engine::instance::Logs;
use crate::error::{Error, ErrorKind, Result};
use crate::logs::assemble::Lines;
use crate::logs::buffer::Buffer;
use crate::logs::{LogEntry, LogOptions, LogSource, LogStream, OutputStream};

/// The daemon's log, read by a task.
struct ContainerLog {
    buffer: Buffer,
    task: tokio::task::JoinHandle<()>,
}

impl LogSource for ContainerLog {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>> {
        Box::pin(self.buffer.next())
    }
}

impl Drop for ContainerLog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Logs for DockerInstance {
    fn read<'a>(&'a self, options: &'a LogOptions) -> BoxFuture<'a, Result<LogStream>> {
        Box::pin(async move {
            let containers = self.container.docker.containers();
            let output = containers.logs(self.container.id(), query(options)).await;
            let output = output.map_err(|error| match error.status() {
                Some(404) => Error::lost(),
                // The driver was set by somebody else.
                Some(501) => Error::engine_with_kind(super::NAME, ErrorKind::Unsupported, error),
                _ => to_error(error),
            })?;
            let buffer = Buffer::default();
            let task = tokio::spawn(read(output, options.follow, buffer.clone()));
            Ok(LogStream::new(ContainerLog { buffer, task }))
        })
    }
}

fn query(options: &LogOptions) -> ReadLogs {
    ReadLogs {
        follow: options.follow,
        stdout: options.stream != Some(OutputStream::Stderr),
        stderr: options.stream != Some(OutputStream::Stdout),
        since: options.since.map(Into::into),
        until: options.until.map(Into::into),
        timestamps: true,
        tail: options.tail,
        ..ReadLogs::default()
    }
}

/// The time of a line, as the daemon writes it.
fn time(text: &str) -> Option<SystemTime> {
    Timestamp::from_rfc3339(text).ok()?.to_system_time()
}

/// Moves the lines into the buffer until the log ends.
async fn read(mut output: Output, follow: bool, buffer: Buffer) {
    let mut stdout = Lines::new(OutputStream::Stdout, time);
    let mut stderr = Lines::new(OutputStream::Stderr, time);
    let outcome = loop {
        if !follow {
            buffer.space().await;
        }
        match output.next().await {
            Some(Ok(Chunk::Stderr(bytes))) => stderr.add(bytes, |line| buffer.push(line)),
            Some(Ok(chunk)) => stdout.add(chunk.into_bytes(), |line| buffer.push(line)),
            Some(Err(error)) => break Err(to_error(error)),
            None => break Ok(()),
        }
    };
    for lines in [&mut stdout, &mut stderr] {
        if let Some(line) = lines.end() {
            buffer.push(line);
        }
    }
    buffer.end(outcome);
}
