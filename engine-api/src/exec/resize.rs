//! Resizing the terminal of an exec.

use super::Execs;
use crate::common::TerminalSize;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static RESIZE: Operation<Empty> = Operation::post("ExecResize", "/exec/{id}/resize");

impl Execs<'_> {
    /// Resizes the terminal of an exec.
    pub async fn resize(&self, id: &str, size: TerminalSize) -> Result<()> {
        self.docker.call(&RESIZE).at(id).query(size.query()).send().await
    }
}
