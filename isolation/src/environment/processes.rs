//! Lists the processes of an environment.

use super::shared::Shared;
use super::{Environment, checks};
use crate::engine::capabilities::Feature;
use crate::error::Result;
use crate::process::ProcessEntry;

impl Environment {
    /// Its processes, also those of the engine. It runs or is paused.
    pub async fn processes(&self) -> Result<Vec<ProcessEntry>> {
        self.shared().processes().await
    }
}

impl Shared {
    async fn processes(&self) -> Result<Vec<ProcessEntry>> {
        let listed = match (checks::runs(self.status()), self.instance.processes()) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(processes)) => self.answered(processes.list()).await,
            (Ok(()), None) => Err(self.no_facet(Feature::Processes)),
        };
        self.report("list the processes of", self.name(), listed).await
    }
}
