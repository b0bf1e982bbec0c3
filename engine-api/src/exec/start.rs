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
/// With `Detach`, the engine does not hijack the connection.
static START_DETACHED: Operation<Empty> = START.with_reply();

impl Execs<'_> {
    /// Starts an exec and attaches to its streams; an exec can be started only once.
    ///
    /// # Errors
    ///
    /// Podman replies 500 if the exec attaches no stream; use [`Execs::start_detached`].
    pub async fn start(&self, id: &str, options: StartExec) -> Result<Hijacked> {
        let size = options.console_size.is_some();
        let call = self.docker.call(&START).at(id).json(&options);
        let hijacked = call
            .needs(size, "StartExec::console_size", Version::new(1, 42))
            .send()
            .await?;
        // The flag of this call decides whether the output has frames, not the flag of `create`.
        let ask = async { Ok(options.tty) };
        let terminal = is_terminal(self.docker, hijacked.output.announced(), ask).await?;
        Ok(hijacked.terminal(terminal))
    }

    /// Starts an exec without its streams; [`Execs::wait`] waits until it exits.
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

/// How to start an exec. Body of `ExecStart`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct StartExec {
    /// Whether to return at once, without the streams.
    pub detach: bool,
    /// Whether it has a terminal, as in [`CreateExec::tty`](super::CreateExec::tty).
    pub tty: bool,
    /// Size of the terminal; requires `tty`. Since API 1.42.
    pub console_size: Option<TerminalSize>,
}
