//! Starts the environments again that have the network of another one, which has just started.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shared::Shared;
use super::status::Status;
use super::{checks, sharing, supervise};
use crate::BoxFuture;
use crate::error::Result;

/// How long a removal waits for those that have the network of the environment.
const SHARING_TIMEOUT: Duration = Duration::from_secs(3);

const SHARING_PAUSE: Duration = Duration::from_millis(20);

impl Shared {
    /// Starts those again that have the network of this environment: theirs is that of its run
    /// before, which has gone. An error of one is sent as an event.
    pub(super) fn restart_sharing(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for other in self.running_with_network() {
                let _ = other.restart_with_network().await;
            }
        })
    }

    /// Those that have its network and run, each once: this process may have several handles of
    /// one.
    fn running_with_network(&self) -> Vec<Arc<Self>> {
        let mut all = self.sharing.all();
        all.retain(|one| one.status().is_running());
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all.dedup_by(|one, other| one.id == other.id);
        all
    }

    /// Waits for those that are being destroyed.
    ///
    /// # Errors
    ///
    /// If other environments still use its network after that: they would lose their network. If
    /// the environment is kept, those of other processes count, too.
    pub(super) async fn until_network_is_unused(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut using = Vec::new();
            for other in self.sharing.all() {
                if other.uses_network().await && !using.contains(&other.name().to_owned()) {
                    using.push(other.name().to_owned());
                }
            }
            // Any process may use one that outlives its owner.
            if using.is_empty() && self.is_kept() {
                using = self.answered(self.instance.network_users()).await?;
            }
            if using.is_empty() {
                return Ok(());
            }
            if began.elapsed() >= SHARING_TIMEOUT {
                return Err(sharing::in_use(&using));
            }
            sleep(SHARING_PAUSE).await;
        }
    }

    /// Whether it exists and is not being destroyed. Another process, or another handle, may have
    /// destroyed it.
    async fn uses_network(&self) -> bool {
        let exists = |status| checks::exists(status).is_ok() || status == Status::Failed;
        exists(self.status()) && self.inspect().await.is_ok_and(|state| exists(state.status))
    }

    /// As [`restart_sharing`](Self::restart_sharing), without waiting for it: another process has
    /// started this environment.
    pub(crate) fn restart_sharing_later(&self) {
        for other in self.running_with_network() {
            other.follow_network();
        }
    }

    /// Starts this environment again if it runs, without waiting for it: another process has
    /// started the one whose network it has.
    pub(crate) fn follow_network(self: &Arc<Self>) {
        if self.status().is_running() {
            let own = Arc::clone(self);
            self.tasks.spawn(async move {
                // An error was sent as an event.
                let _ = own.restart_with_network().await;
            });
        }
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
