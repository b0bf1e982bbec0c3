//! Destroys an environment, with or without awaiting.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::checks;
use super::shared::Shared;
use super::status::Status;
use crate::error::{Error, Result};
use crate::events::EventKind;

impl Shared {
    pub(crate) async fn destroy(&self) -> Result<()> {
        if self.status() == Status::Destroyed {
            return Ok(());
        }
        // One that is shared by processes ends with its last user.
        if self.usage.is_none() {
            let unused = self.until_network_is_unused().await;
            self.report("destroy the environment", self.name(), unused)
                .await?;
        }
        self.destroy_anyway().await
    }

    /// Destroys it although others may have its network: they are destroyed, too.
    pub(crate) async fn destroy_anyway(&self) -> Result<()> {
        if self.status() == Status::Destroyed {
            return Ok(());
        }
        self.relays.end();
        // Another task may also be destroying it; both may succeed.
        let _ = self.cell.advance(Status::Destroying);
        let work = async {
            match &self.usage {
                None => self.instance.destroy().await.map(|()| true),
                Some(usage) => usage.end().await,
            }
        };
        let destroyed = self.ended(Duration::ZERO, work).await;
        match destroyed.as_ref().map_err(Error::observed_status) {
            Ok(_) => drop(self.cell.advance(Status::Destroyed)),
            Err(Some(seen)) if checks::exists(seen).is_ok() => self.goes_on(seen).await,
            Err(_) => drop(self.cell.advance(Status::Failed)),
        }
        let gone = self
            .report("destroy the environment", self.name(), destroyed)
            .await?;
        self.finish(gone);
        Ok(())
    }

    /// The engine has refused the destruction, and the environment has this status still.
    async fn goes_on(&self, seen: Status) {
        self.cell.refused(seen);
        if seen.is_running() {
            let begun = self.begin_relays().await;
            // An error is sent as an event.
            let _ = self.report("expose ports again", self.name(), begun).await;
        }
    }

    /// Destroys the environment because its last handle or its manager was dropped.
    pub(crate) fn drop_environment(&self) {
        if self.creator.is_this_process() {
            self.destroy_blocking();
        }
    }

    pub(super) fn destroy_blocking(&self) {
        if self.status() == Status::Destroyed {
            return;
        }
        let _ = self.cell.advance(Status::Destroying);
        self.relays.end();
        let limit = self.end_timeout.remaining();
        let ended = match &self.usage {
            None => self.instance.destroy_blocking(limit).then_some(true),
            Some(usage) => usage.end_in_background(limit),
        };
        if let Some(gone) = ended {
            let _ = self.cell.advance(Status::Destroyed);
            self.finish(gone);
        } else {
            // The engine holds the entry until the removal is complete.
            self.journal.finish();
        }
    }

    /// Sends the event [`EventKind::Destroyed`] once, independent of the way of destruction. A
    /// shared environment may still exist.
    fn finish(&self, gone: bool) {
        if gone && !self.destroyed_reported.swap(true, Ordering::AcqRel) {
            self.emit(EventKind::Destroyed);
        }
        self.journal.finish();
        self.history.end();
        self.tasks.end();
        self.forget();
    }

    pub(super) fn forget(&self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.forget(&self.id);
        }
    }
}
