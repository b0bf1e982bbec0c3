//! Creates environments from snapshots.

use super::Manager;
use super::migrate::specification::Adapted;
use super::origin::Origin;
use super::registry::EngineChoice;
use crate::error::Result;
use crate::snapshots::{RestoreOptions, Restored, SavedState, Snapshot, SnapshotStore};

impl Manager {
    /// Creates and starts an environment with the files, volumes and configuration of a snapshot,
    /// which may come from another machine. The saved environment does not change: a restore in
    /// place could be inconsistent because of open files and caches.
    ///
    /// # Errors
    ///
    /// The kind is [`Corrupt`](crate::ErrorKind::Corrupt) if the snapshot is damaged, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the engine cannot use its files. After an
    /// error, everything that was created is removed.
    pub async fn restore(
        &self,
        store: &SnapshotStore,
        snapshot: &Snapshot,
        options: RestoreOptions,
    ) -> Result<Restored> {
        let restored = Box::pin(self.restore_from(store, snapshot, options)).await;
        let id = snapshot.id.short();
        restored.map_err(|error| error.part_of("create the environment", "restore the snapshot", &id))
    }

    async fn restore_from(
        &self,
        store: &SnapshotStore,
        snapshot: &Snapshot,
        options: RestoreOptions,
    ) -> Result<Restored> {
        let (mut spec, missing_variables) = options.spec(snapshot)?;
        let engine = options.engine.as_ref().unwrap_or(&snapshot.manifest.engine);
        let state = SavedState::open(store, snapshot, &options.progress).await?;
        // Sources that the files of the snapshot replace need not exist.
        let chosen = self.registry().get(engine)?;
        chosen.adapt(&state, &mut spec)?;
        if snapshot.imported {
            let isolation = chosen.probe().await.capabilities.isolation();
            options.check_programs(snapshot, &spec, chosen.name(), isolation)?;
        }
        let mut lost = Vec::new();
        if chosen.name() != snapshot.manifest.engine {
            let capabilities = chosen.probe().await.capabilities;
            let adapted = Adapted::restored(spec, chosen.name(), &capabilities);
            (spec, lost) = (adapted.spec, adapted.lost);
        }
        let choice = EngineChoice::Named(engine.clone());
        let selection = self.select(&choice, &spec).await?;
        let environment = self.create_from(&selection, spec, Origin::Saved(&state)).await?;
        Ok(Restored {
            environment: super::kept::kept_if_asked(self.started(environment).await?).await?,
            missing_variables,
            lost,
        })
    }
}
