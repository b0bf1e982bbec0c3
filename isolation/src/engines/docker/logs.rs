//! The log of an environment's container.

use engine_api::containers::ReadLogs;

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::log_follow::Follower;
use crate::BoxFuture;
use crate::engine::instance::Logs;
use crate::error::{Error, ErrorKind, Result};
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
            let read = |name: String| async move { containers.logs(&name, query(options)).await };
            let output = self.container.call(read).await;
            let output = output.map_err(|error| match error.status() {
                Some(404) => Error::lost(),
                // The driver was set by somebody else.
                Some(501) => Error::engine_with_kind(super::NAME, ErrorKind::Unsupported, error),
                _ => to_error(error),
            })?;
            let buffer = Buffer::default();
            let follower = Follower {
                docker: self.container.docker.clone(),
                container: self.container.id().to_owned(),
                query: query(options),
                podman: self.container.podman,
                buffer: buffer.clone(),
            };
            let task = tokio::spawn(follower.run(output));
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
