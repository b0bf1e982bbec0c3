//! Adds content to a store.

use std::io::Read;
use std::sync::Arc;

use fastcdc::v2020::StreamCDC;

use super::pack::{LARGEST_CHUNK, PackWriter};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::digest::Digest;

/// The smallest and the average size of a chunk that is not the last of a file.
const SMALLEST_CHUNK: u32 = 8 << 10;
const AVERAGE_CHUNK: u32 = 32 << 10;

/// Adds content to a store. Added chunks are garbage until a manifest names them.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    session: Arc<Session>,
    packs: PackWriter,
}

impl StoreWriter {
    pub(super) fn new(session: Arc<Session>) -> Self {
        let store = &session.store;
        let packs = PackWriter::new(Arc::clone(store.disk()), store.temporary(), store.packs());
        Self { session, packs }
    }

    /// How many bytes this writer has added to the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.packs.bytes()
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Adds a chunk, unless the store has it. This blocks.
    pub(crate) fn put(&mut self, chunk: &[u8]) -> Result<Digest> {
        let digest = Digest::of(chunk);
        // A damaged chunk is written again.
        if !self.packs.has(&digest) && !self.session.has_sound(&digest) {
            self.packs.add(digest, chunk)?;
        }
        Ok(digest)
    }

    /// Adds what a reader returns, cut where its content says; returns the size and the chunks.
    /// This blocks.
    pub(crate) fn content(&mut self, reader: impl Read) -> Result<(u64, Vec<Digest>)> {
        let (mut size, mut chunks) = (0, Vec::new());
        let cut = StreamCDC::new(reader, SMALLEST_CHUNK, AVERAGE_CHUNK, LARGEST_CHUNK);
        for chunk in cut {
            let chunk = chunk.map_err(|error| match error {
                fastcdc::v2020::Error::IoError(error) => from_reader(error),
                other => Error::new(ErrorKind::Io, other.to_string()),
            })?;
            size += chunk.data.len() as u64;
            chunks.push(self.put(&chunk.data)?);
        }
        Ok((size, chunks))
    }

    /// Completes everything that was added.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.packs.finish().map(drop)
    }
}

/// The error of a reader: one of this crate that it carried, or one of the input.
pub(crate) fn from_reader(error: std::io::Error) -> Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        let carried = error
            .into_inner()
            .and_then(|inner| inner.downcast::<Error>().ok());
        return match carried {
            Some(error) => *error,
            None => Error::new(ErrorKind::Io, "the input ended with an error"),
        };
    }
    Error::new(ErrorKind::Io, format!("the files cannot be read: {error}"))
}
