#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

// Parts and states of snapshots, for tests of engines.

use std::path::Path;

use super::contents::PartKind;
use super::manifest::Manifest;
use super::part_reader::PartReader;
use super::part_writer::PartWriter;
use super::progress::{OnProgress, Reporter};
use super::saved_state::SavedState;
use super::store::{SnapshotStore, tests};
use crate::files::copy::Stop;

/// A part to which files are added.
pub(crate) fn part(store: &SnapshotStore) -> PartWriter {
    let progress = Reporter::new(&OnProgress::default(), "root".into());
    let (writer, stop) = (store.writer().unwrap(), Stop::default());
    PartWriter::new(writer, PartKind::Root, None, progress, true, &stop)
}

/// The files of a directory, for the engine that restores them, with a changed manifest.
pub(crate) async fn state(
    store: &SnapshotStore,
    directory: &Path,
    change: impl FnOnce(&mut Manifest),
) -> SavedState {
    let mut snapshot = tests::save(store, "one", directory).unwrap();
    change(&mut snapshot.manifest);
    let progress = OnProgress::default();
    SavedState::open(store, &snapshot, &progress).await.unwrap()
}

/// The files of a directory.
pub(crate) async fn reader(store: &SnapshotStore, directory: &Path) -> PartReader {
    let state = state(store, directory, |_| ()).await;
    state.part(&state.manifest().parts[0])
}
