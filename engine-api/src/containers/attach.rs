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
    /// Takes over a container's streams: its input if it was created with `open_stdin`, its output.
    ///
    /// Attach before the start to miss nothing. Of a container that has ended read the [`Containers::logs`]:
    /// attaching waits for its next start, and makes Podman forget its exit code.
    pub async fn attach(&self, id: &str, options: AttachContainer) -> Result<Hijacked> {
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

/// What to attach to. Query of `ContainerAttach` and `ContainerAttachWebsocket`.
///
/// By default the output and the error output, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachContainer {
    /// The keys that detach again, such as `ctrl-p,ctrl-q`; empty is the engine's choice.
    pub detach_keys: String,
    /// Whether to begin with what was written before.
    pub logs: bool,
    /// Whether to go on with what is written from now on, and to pass input; on by default.
    pub stream: bool,
    /// Whether to send input; the container must have been made with `open_stdin`.
    pub stdin: bool,
    /// Whether to receive the output; on by default.
    pub stdout: bool,
    /// Whether to receive the error output; on by default.
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
            return Some("attach without `stream` and without `logs` does nothing; set one".into());
        }
        let nothing = !self.stdin && !self.stdout && !self.stderr;
        nothing.then(|| "attach to neither stdin, stdout nor stderr; set one".into())
    }
}
