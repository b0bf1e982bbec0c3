//! Adds content to a store.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use super::cut::{Ahead, Earlier, length_of_first};
use super::pack::PackWriter;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::digest::Digest;

/// Adds content to a store. Added chunks are garbage until a manifest names them.
pub(crate) struct StoreWriter {
    session: Arc<Session>,
    packs: PackWriter,
    /// The buffer of a content, kept for the next one.
    buffer: Vec<u8>,
}

impl fmt::Debug for StoreWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the contents of files.
        f.debug_struct("StoreWriter")
            .field("packs", &self.packs)
            .finish_non_exhaustive()
    }
}

impl StoreWriter {
    pub(super) fn new(session: Arc<Session>) -> Self {
        let store = &session.store;
        let packs = PackWriter::new(Arc::clone(store.disk()), store.temporary(), store.packs());
        Self {
            session,
            packs,
            buffer: Vec::new(),
        }
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
        if !self.packs.has(&digest) && !self.session.has_same(&digest, chunk) {
            self.packs.add(digest, chunk)?;
        }
        Ok(digest)
    }

    /// Adds what a reader returns, cut where its content says; returns the size and the chunks.
    /// This blocks.
    ///
    /// `before` are the chunks of an earlier content, most of which this one probably repeats:
    /// comparing bytes with those of the store is faster than cutting and hashing them. The result
    /// is the same for any `before`.
    pub(crate) fn content(&mut self, reader: impl Read, before: &[Digest]) -> Result<(u64, Vec<Digest>)> {
        let session = Arc::clone(&self.session);
        let mut ahead = Ahead::new(reader, std::mem::take(&mut self.buffer));
        let mut earlier = Earlier::new(&session, before);
        let (mut size, mut chunks) = (0, Vec::with_capacity(before.len()));
        loop {
            let bytes = ahead.bytes().map_err(from_reader)?;
            if bytes.is_empty() {
                self.buffer = ahead.into_buffer();
                return Ok((size, chunks));
            }
            let (digest, length) = match earlier.repeated(bytes) {
                Some(known) => known,
                None => {
                    let length = length_of_first(bytes);
                    let digest = self.put(&bytes[..length])?;
                    earlier.go_on_after(&digest);
                    (digest, length)
                }
            };
            ahead.skip(length);
            size += length as u64;
            chunks.push(digest);
        }
    }

    /// Completes everything that was added, and begins to read it.
    pub(crate) fn into_session(mut self) -> Result<Session> {
        self.finish()?;
        self.session.store.session()
    }

    /// Completes everything that was added.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.packs.finish().map(drop)
    }
}

/// The error of a reader: one of this crate that it carried, or one of the input.
pub(crate) fn from_reader(error: std::io::Error) -> Error {
    carried(error, "the files cannot be read")
}

/// The same for a writer.
pub(crate) fn to_writer(error: std::io::Error) -> Error {
    carried(error, "the output cannot be written")
}

fn carried(error: std::io::Error, what: &str) -> Error {
    error
        .downcast::<Error>()
        .unwrap_or_else(|error| Error::new(ErrorKind::Io, format!("{what}: {error}")))
}
