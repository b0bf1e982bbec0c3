//! Attaching to the process of a container.

use crate::wire::query::Query;

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
}
