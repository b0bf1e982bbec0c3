//! Starting a container.

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Changed;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static START: Operation<Changed> =
    Operation::post("ContainerStart", "/containers/{id}/start").success(&[204, 304]);

impl Containers<'_> {
    /// Starts a container; returns `false` if it was already running.
    pub async fn start(&self, id: &str, options: StartContainer) -> Result<bool> {
        self.docker
            .call(&START)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// How to start a container. Query of `ContainerStart`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartContainer {
    /// Key sequence that detaches, such as `ctrl-p,ctrl-q`; engines use that of the attach call
    /// instead.
    pub detach_keys: String,
    /// Checkpoint to restore, on engines with experimental features.
    pub checkpoint: String,
    /// Directory of the checkpoint on the host; empty is the engine's default.
    pub checkpoint_dir: String,
}

impl StartContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .text("detachKeys", &self.detach_keys)
            .text("checkpoint", &self.checkpoint)
            .text("checkpoint-dir", &self.checkpoint_dir)
    }
}
