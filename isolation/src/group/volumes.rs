//! The volumes of a running group.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::volumes::ProvidedVolume;
use crate::error::Error;

/// The volumes that were provided for a group.
pub(crate) struct GroupVolumes {
    engine: Arc<dyn Engine>,
    volumes: Vec<ProvidedVolume>,
}

impl fmt::Debug for GroupVolumes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.volumes.iter().map(|one| &one.name))
            .finish()
    }
}

impl GroupVolumes {
    pub(crate) fn new(engine: &Arc<dyn Engine>) -> Self {
        Self {
            engine: Arc::clone(engine),
            volumes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, volume: ProvidedVolume) {
        self.volumes.push(volume);
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
                _ => {}
            }
        }
        failures
    }
}
