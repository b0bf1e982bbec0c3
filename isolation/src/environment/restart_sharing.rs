//! Starts the environments again that have the network of another one, which has just started.

use std::sync::Arc;

use super::shared::Shared;
use super::supervise;
use crate::BoxFuture;
use crate::error::Result;

impl Shared {
    /// Starts those again that have the network of this environment: theirs is that of its run
    /// before, which has gone. An error of one is sent as an event.
    pub(super) fn restart_sharing(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let others = self.sharing.all().into_iter();
            for other in others.filter(|one| one.status().is_running()) {
                let _ = other.restart_with_network().await;
            }
        })
    }

    /// Starts it again. Its readiness is not waited for: that may depend on the other one.
    async fn restart_with_network(self: &Arc<Self>) -> Result<()> {
        self.supervision.end().await;
        let grace = self.spec.stop_grace.unwrap_or(super::STOP_GRACE);
        self.stop(grace).await?;
        self.start_only().await?;
        let check = supervise::check(self).await?;
        supervise::begin(self, check);
        Ok(())
    }
}
