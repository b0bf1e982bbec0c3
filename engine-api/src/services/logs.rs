//! Read the logs of a service.

use super::Services;
use super::inspect::InspectService;
use crate::error::Result;
use crate::tasks::{self, ReadTaskLogs};
use crate::wire::decode::Framed;
use crate::wire::operation::Operation;
use crate::wire::stream::Output;

pub(super) static LOGS: Operation<Framed> = Operation::get("ServiceLogs", "/services/{id}/logs");

impl Services<'_> {
    /// Reads the output of the tasks of a service so far; with `follow`, also later output.
    ///
    /// Only the logging drivers `local`, `json-file` and `journald` can be read.
    pub async fn logs(&self, id: &str, options: ReadTaskLogs) -> Result<Output> {
        tasks::read_logs(self.docker, &LOGS, id, options, self.has_terminal(id)).await
    }

    async fn has_terminal(&self, id: &str) -> Result<bool> {
        let service = self.inspect(id, InspectService::default()).await?;
        Ok(service.spec.task_template.has_terminal())
    }
}
