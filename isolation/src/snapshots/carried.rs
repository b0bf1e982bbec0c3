//! The files of one directory on their way to another environment, with owners, links and pipes.

use std::path::Path;
use std::sync::Arc;

use super::contents::PartKind;
use super::left_out::LeftOut;
use super::part_reader::PartReader;
use super::part_writer::PartWriter;
use super::progress::{OnProgress, Reporter};
use super::store::SnapshotStore;
use crate::error::Result;
use crate::files::copy::Stop;

/// Begins to take the files of a directory into a store that has no other user. This blocks.
pub(crate) fn begin(store: &Path, stop: &Stop) -> Result<PartWriter> {
    let store = SnapshotStore::open(Some(store))?;
    let progress = Reporter::new(&OnProgress::default(), PartKind::Root.name());
    let writer = store.writer()?;
    Ok(PartWriter::new(
        writer,
        PartKind::Root,
        None,
        progress,
        true,
        stop,
    ))
}

/// Completes them; returns what is left out, too. This blocks.
pub(crate) fn complete(part: PartWriter) -> Result<(PartReader, Vec<LeftOut>)> {
    let (writer, part, left) = part.finish()?;
    let session = Arc::new(writer.into_session()?);
    let reader = PartReader::new(&session, &part, &OnProgress::default());
    Ok((reader, left))
}
