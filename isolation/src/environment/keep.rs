//! Keeps an environment beyond its owner.

use std::sync::atomic::Ordering;

use super::shared::Shared;
use super::{Environment, checks};
use crate::error::{Error, Result};
use crate::spec::lifetime::Lifetime;

impl Environment {
    /// Keeps the environment: dropping the handles, the manager's shutdown and the end of this
    /// process no longer destroy it. With [`Lifetime::Kept`], an environment is kept from the
    /// start.
    pub async fn keep(&self) -> Result<()> {
        self.shared().keep().await
    }

    /// Whether it exists longer than its handles.
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

    /// The journal is changed first: a kept environment must not be removed when this process
    /// exits.
    async fn keep_in_journal_and_engine(&self) -> Result<()> {
        self.journal.set_lifetime(Lifetime::Kept)?;
        let kept = self.instance.keep().await;
        if kept.is_err() {
            // The first error is reported. At worst, the entry stays kept, and nothing is removed.
            let _ = self.journal.set_lifetime(Lifetime::Owner);
        }
        kept
    }
}
