//! Starting an exec.

use serde::{Deserialize, Serialize};

use super::Execs;
use crate::Version;
use crate::common::{TerminalSize, is_terminal};
use crate::error::Result;
use crate::wire::decode::{Duplex, Empty};
use crate::wire::operation::Operation;
use crate::wire::stream::Hijacked;

pub(super) static START: Operation<Duplex> = Operation::post("ExecStart", "/exec/{id}/start").success(&[200]);
/// With `Detach`, the engine hands over no connection.
static START_DETACHED: Operation<Empty> = START.with_reply();

impl Execs<'_> {
    /// Starts a command and takes over its streams; an exec can be started once.
    ///
    /// # Errors
    ///
    /// Podman answers 500 when none of its streams is attached: there is [`Execs::start_detached`].
    pub async fn start(&self, id: &str, options: StartExec) -> Result<Hijacked> {
        let size = options.console_size.is_some();
        let call = self.docker.call(&START).at(id).json(&options);
        let hijacked = call
            .needs(size, "StartExec::console_size", Version::new(1, 42))
            .send()
            .await?;
        // The engine goes by the flag of this call, so does the framing.
        let ask = async { Ok(options.tty) };
        let terminal = is_terminal(self.docker, hijacked.output.announced(), ask).await?;
        Ok(hijacked.terminal(terminal))
    }

    /// Starts a command without its streams; [`Execs::wait`] tells when it ends.
    pub async fn start_detached(&self, id: &str) -> Result<()> {
        self.docker
            .call(&START_DETACHED)
            .at(id)
            .json(&StartExec {
                detach: true,
                ..Default::default()
            })
            .send()
            .await
    }
}

/// How to start a command that was made. Body of `ExecStart`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct StartExec {
    /// Whether to return at once, without its output.
    pub detach: bool,
    /// Whether it has a terminal, as it was made.
    pub tty: bool,
    /// The terminal's size, which needs `tty`. Since API 1.42.
    pub console_size: Option<TerminalSize>,
}
