//! The volumes of a running group.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::volumes::ProvidedVolume;
use crate::error::Error;
use crate::spec::lifetime::Lifetime;

/// The volumes that were provided for a group.
pub(crate) struct GroupVolumes {
    engine: Arc<dyn Engine>,
    lifetime: Lifetime,
    volumes: Vec<ProvidedVolume>,
}

impl GroupVolumes {
    pub(crate) fn new(engine: &Arc<dyn Engine>, lifetime: Lifetime) -> Self {
        Self {
            engine: Arc::clone(engine),
            lifetime,
            volumes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, volume: ProvidedVolume) {
        self.volumes.push(volume);
    }

    /// The start of the group has succeeded: from now on, volumes that are to be kept stay.
    pub(crate) fn started(mut self) -> Self {
        if self.lifetime == Lifetime::Kept {
            let guards = self.volumes.iter_mut().filter_map(|one| one.guard.take());
            guards.for_each(|guard| guard.keep());
        }
        self
    }

    /// Removes those that end with the group; returns the errors.
    pub(crate) async fn remove_owned(&self) -> Vec<Error> {
        self.remove(|one| one.guard.is_some()).await
    }

    /// Removes those that were created for a group whose start has failed.
    pub(crate) async fn remove_new(&self) -> Vec<Error> {
        self.remove(|one| one.is_new).await
    }

    async fn remove(&self, which: impl Fn(&ProvidedVolume) -> bool) -> Vec<Error> {
        let mut failures = Vec::new();
        for volume in self.volumes.iter().filter(|one| which(one)) {
            match self.engine.remove_volume(&volume.name).await {
                Err(error) if !error.is_not_found() => failures.push(error),
                // Its guard need not remove it again.
                _ => volume.guard.iter().for_each(|guard| guard.keep()),
            }
        }
        failures
    }
}
