//! Pausing a container, and resuming it.

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static PAUSE: Operation<Empty> =
    Operation::post("ContainerPause", "/containers/{id}/pause").success(&[204]);
pub(super) static UNPAUSE: Operation<Empty> =
    Operation::post("ContainerUnpause", "/containers/{id}/unpause").success(&[204]);

impl Containers<'_> {
    /// Pauses all processes of a container.
    pub async fn pause(&self, id: &str) -> Result<()> {
        self.docker.call(&PAUSE).at(id).send().await
    }

    /// Resumes a paused container.
    pub async fn unpause(&self, id: &str) -> Result<()> {
        self.docker.call(&UNPAUSE).at(id).send().await
    }
}
