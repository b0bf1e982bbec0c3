//! Chooses an engine, and creates environments or takes them from the pool.

use super::Manager;
use super::kept::kept_if_asked;
use super::registry::{EngineChoice, Selection};
use crate::engine::capabilities::RejectedEngine;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::events::pool_miss::PoolMiss;
use crate::events::{EventKind, Subject};
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;

impl Manager {
    /// Chooses an engine like [`Registry::select`](crate::Registry::select), and sends an event for
    /// each engine that was considered.
    pub async fn select(&self, choice: &EngineChoice, spec: &EnvironmentSpec) -> Result<Selection> {
        let selected = self.registry().select(choice, spec).await;
        match &selected {
            Ok(selection) => self.announce(selection),
            Err(error) => self.announce_rejected(error.rejected()),
        }
        selected
    }

    /// Sends the events of a chosen engine.
    pub(super) fn announce(&self, selection: &Selection) {
        self.announce_rejected(&selection.rejected);
        let engine = selection.engine.name().to_owned();
        self.events.emit(Subject::Engine { engine }, EventKind::Chosen);
    }

    fn announce_rejected(&self, rejected: &[RejectedEngine]) {
        for skipped in rejected {
            let (engine, reason) = (skipped.engine.clone(), skipped.reason.clone());
            self.events
                .emit(Subject::Engine { engine }, EventKind::Rejected { reason });
        }
    }

    /// Creates and starts an environment on the engine that [`select`](Self::select) chooses.
    pub async fn create(&self, choice: &EngineChoice, spec: EnvironmentSpec) -> Result<Environment> {
        let missed = match Box::pin(self.take_chosen(choice, &spec)).await {
            Some(Ok(prepared)) => return Ok(prepared),
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        let selection = Box::pin(self.select(choice, &spec)).await?;
        self.remember(choice, &spec, &selection);
        Box::pin(self.take_or_create(&selection, spec, missed)).await
    }

    /// Creates and starts an environment on a chosen engine; with the lifetime
    /// [`Shared`](Lifetime::Shared), like [`shared`](Self::shared).
    pub async fn create_on(&self, selection: &Selection, spec: EnvironmentSpec) -> Result<Environment> {
        self.take_or_create(selection, spec, None).await
    }

    /// Takes an environment from the pool, or creates and starts one. `missed` is the reason if the
    /// pool was tried already.
    async fn take_or_create(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
        missed: Option<PoolMiss>,
    ) -> Result<Environment> {
        if spec.lifetime == Lifetime::Shared {
            return Box::pin(self.shared_on(selection, spec)).await;
        }
        let spec = Box::pin(self.with_built_image(selection, spec)).await?;
        if let Some(prepared) = Box::pin(self.take_prepared(selection, &spec, missed)).await {
            return Ok(prepared);
        }
        let wanted = self.pool.is_some().then(|| spec.clone());
        let environment = Box::pin(self.create_guarded(selection, spec)).await?;
        if let Err(error) = Box::pin(environment.start()).await {
            // This function can await, so it also reports errors of the removal as an event. The
            // drop of the guard cannot.
            let _ = Box::pin(environment.destroy()).await;
            return Err(error);
        }
        if let Some(wanted) = wanted {
            self.fill_in_background(selection, &wanted);
        }
        kept_if_asked(environment).await
    }

    /// Creates an environment with its copies on a chosen engine, without starting it.
    pub async fn create_unstarted(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
    ) -> Result<Environment> {
        if spec.lifetime == Lifetime::Shared {
            return Err(Error::invalid(
                "a shared environment is started when it is created; start it",
            ));
        }
        let spec = Box::pin(self.with_built_image(selection, spec)).await?;
        kept_if_asked(Box::pin(self.create_guarded(selection, spec)).await?).await
    }
}
