//! The log of an environment, which the other program reads.

use super::peer::Streaming;
use super::pending::{Item, entry_cost, unexpected};
use crate::BoxFuture;
use crate::error::Result;
use crate::logs::{LogEntry, LogSource};

/// The log of an environment.
pub(super) struct RemoteLog(pub(super) Streaming);

impl LogSource for RemoteLog {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>> {
        Box::pin(async move {
            match self.0.next().await {
                Item::Log(entry) => {
                    self.0.read(entry_cost(&entry));
                    Ok(Some(entry))
                }
                Item::End(end) => end.map(|_| None),
                item => Err(unexpected(&item)),
            }
        })
    }
}
