//! The files of a snapshot, for the engine that restores it.

use std::fmt;
use std::sync::Arc;

use super::blocking;
use super::manifest::{Manifest, Part, Snapshot};
use super::part_reader::PartReader;
use super::progress::OnProgress;
use super::store::{Session, SnapshotStore};
use crate::error::Result;

/// For authors of engines: the files of a snapshot.
#[derive(Clone)]
pub struct SavedState {
    session: Arc<Session>,
    manifest: Arc<Manifest>,
    progress: OnProgress,
}

impl fmt::Debug for SavedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedState")
            .field("parts", &self.manifest.parts)
            .finish_non_exhaustive()
    }
}

impl SavedState {
    pub(crate) async fn open(
        store: &SnapshotStore,
        snapshot: &Snapshot,
        progress: &OnProgress,
    ) -> Result<Self> {
        let store = store.clone();
        Ok(Self {
            session: Arc::new(blocking(move || store.session()).await?),
            manifest: Arc::new(snapshot.manifest.clone()),
            progress: progress.clone(),
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files of a part.
    pub fn part(&self, part: &Part) -> PartReader {
        PartReader::new(&self.session, part, &self.progress)
    }
}
