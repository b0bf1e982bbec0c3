//! Attaching to the process of a container.

use super::{Containers, InspectContainer};
use crate::common::is_terminal;
use crate::error::Result;
use crate::wire::decode::Duplex;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::Hijacked;

pub(super) static ATTACH: Operation<Duplex> =
    Operation::post("ContainerAttach", "/containers/{id}/attach").success(&[101, 200]);

impl Containers<'_> {
    /// Attaches to a container's streams: to its output, and to its input if it was created with
    /// `open_stdin`.
    ///
    /// Attach before the start, so that no output is missed. For a container that has ended, use
    /// [`Containers::logs`]: attaching waits for its next start, and Podman then forgets its exit
    /// code.
    pub async fn attach(&self, id: &str, mut options: AttachContainer) -> Result<Hijacked> {
        if options.stdin {
            options.detach_keys = self.docker.detach_keys(options.detach_keys);
        }
        let call = self
            .docker
            .call(&ATTACH)
            .at(id)
            .query(options.query())
            .reject_if(options.check());
        let hijacked = call.send().await?;
        let terminal = is_terminal(self.docker, hijacked.output.announced(), self.has_terminal(id)).await?;
        Ok(hijacked.terminal(terminal))
    }

    pub(super) async fn has_terminal(&self, id: &str) -> Result<bool> {
        Ok(self.inspect(id, InspectContainer::default()).await?.config.tty)
    }
}

/// Which streams to attach to. Query of `ContainerAttach` and `ContainerAttachWebsocket`.
///
/// The default attaches to standard output and standard error, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachContainer {
    /// Key sequence that detaches, such as `ctrl-p,ctrl-q`; empty is that of
    /// [`Docker::with_detach_keys`](crate::Docker::with_detach_keys), or else the engine's default.
    pub detach_keys: String,
    /// Whether to replay the output so far first.
    pub logs: bool,
    /// Whether to stream output and input from now on; on by default.
    pub stream: bool,
    /// Whether to send input; the container must have been created with `open_stdin`.
    pub stdin: bool,
    /// Whether to receive standard output; on by default.
    pub stdout: bool,
    /// Whether to receive standard error; on by default.
    pub stderr: bool,
}

impl Default for AttachContainer {
    fn default() -> Self {
        Self {
            detach_keys: String::new(),
            logs: false,
            stream: true, // without this or `logs`, attaching does nothing
            stdin: false,
            stdout: true,
            stderr: true,
        }
    }
}

impl AttachContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .text("detachKeys", &self.detach_keys)
            .flag("logs", self.logs)
            .flag("stream", self.stream)
            .flag("stdin", self.stdin)
            .flag("stdout", self.stdout)
            .flag("stderr", self.stderr)
    }

    fn check(&self) -> Option<String> {
        if !self.stream && !self.logs {
            return Some("attach needs `stream` or `logs`; set one of them".into());
        }
        let nothing = !self.stdin && !self.stdout && !self.stderr;
        nothing.then(|| "attach needs `stdin`, `stdout` or `stderr`; set at least one of them".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attach_to_nothing_is_an_error() {
        let wrong = |stream, logs, stdout| {
            AttachContainer {
                stream,
                logs,
                stdout,
                stdin: false,
                stderr: false,
                ..AttachContainer::default()
            }
            .check()
            .unwrap_or_default()
        };
        assert!(wrong(false, false, true).contains("`stream` or `logs`"));
        assert!(wrong(true, false, false).contains("`stdin`, `stdout` or `stderr`"));
        assert_eq!(
            (wrong(true, false, true), wrong(false, true, true)),
            Default::default()
        );
    }
}
