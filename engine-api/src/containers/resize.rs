//! Resizing the terminal of a container.

use super::Containers;
use crate::common::TerminalSize;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static RESIZE: Operation<Empty> = Operation::post("ContainerResize", "/containers/{id}/resize");

impl Containers<'_> {
    /// Resizes the terminal of a container.
    pub async fn resize(&self, id: &str, size: TerminalSize) -> Result<()> {
        self.docker.call(&RESIZE).at(id).query(size.query()).send().await
    }
}
