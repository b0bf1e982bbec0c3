//! Keeps an environment beyond its owner.

use std::sync::atomic::Ordering;

use super::shared::Shared;
use super::{Environment, checks};
use crate::error::{Error, Result};
use crate::spec::lifetime::Lifetime;

impl Environment {
    /// From now on, neither dropping the handles, nor the manager's shutdown, nor the end of this
    /// process destroys it. [`Lifetime::Kept`] does that from the start.
    pub async fn keep(&self) -> Result<()> {
        self.shared().keep().await
    }

    /// Whether it outlives its handles.
    pub fn is_kept(&self) -> bool {
        self.shared().is_kept()
    }
}

impl Shared {
    pub(crate) async fn keep(&self) -> Result<()> {
        let kept = match checks::exists(self.status()) {
            Ok(()) if self.usage.is_some() => Err(Error::invalid(
                "a shared environment ends with its last user; create one that is kept",
            )),
            Ok(()) => self.keep_in_journal_and_engine().await,
            Err(error) => Err(error),
        };
        self.report("keep the environment", self.name(), kept).await?;
        self.kept.store(true, Ordering::Release);
        // The manager does not own a kept environment: its shutdown does not destroy it.
        self.forget();
        Ok(())
    }

    /// The journal first: a kept environment must not be collected when this process ends.
    async fn keep_in_journal_and_engine(&self) -> Result<()> {
        self.journal.set_lifetime(Lifetime::Kept)?;
        let kept = self.instance.keep().await;
        if kept.is_err() {
            // The first error is reported. The entry can only stay kept, which removes nothing.
            let _ = self.journal.set_lifetime(Lifetime::Owner);
        }
        kept
    }
}
