//! Cuts content into chunks where the content itself says, so that a change of a large file leaves
//! most of its chunks as they were.

use std::collections::HashMap;
use std::io::{self, Read};

use fastcdc::v2020::MASKS;

use super::pack::LARGEST_CHUNK;
use super::session::Session;
use crate::snapshots::digest::Digest;

/// The smallest size of a chunk that is not the last of a file.
const SMALLEST: usize = 8 << 10;

/// The average size of a chunk, and its binary logarithm.
const AVERAGE: usize = 1 << AVERAGE_BITS;
const AVERAGE_BITS: usize = 15;

const LARGEST: usize = LARGEST_CHUNK as usize;

/// How often a chunk ends before the average size, and after it.
const RARELY: u64 = MASKS[AVERAGE_BITS + 1];
const OFTEN: u64 = MASKS[AVERAGE_BITS - 1];

/// How much is read at a time.
const BUFFER: usize = 1 << 20;

/// The length of the first chunk of some bytes. They have more than the largest chunk, or end with
/// the content.
pub(super) fn length_of_first(bytes: &[u8]) -> usize {
    let (_, length) = fastcdc::v2020::cut(
        bytes,
        SMALLEST,
        AVERAGE,
        LARGEST,
        RARELY,
        OFTEN,
        RARELY << 1,
        OFTEN << 1,
    );
    length
}

/// Reads ahead, so that the bytes of a chunk and the first byte behind it are there.
pub(super) struct Ahead<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_complete: bool,
}

impl<R: Read> Ahead<R> {
    pub(super) fn new(reader: R, mut buffer: Vec<u8>) -> Self {
        buffer.resize(BUFFER, 0);
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            is_complete: false,
        }
    }

    /// The next bytes: more than the largest chunk, or all that are left.
    pub(super) fn bytes(&mut self) -> io::Result<&[u8]> {
        if self.end - self.start <= LARGEST && !self.is_complete {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            while self.end <= LARGEST && !self.is_complete {
                match self.reader.read(&mut self.buffer[self.end..]) {
                    Ok(0) => self.is_complete = true,
                    Ok(length) => self.end += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    pub(super) fn skip(&mut self, length: usize) {
        self.start += length;
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// The chunks of an earlier content, in order.
pub(super) struct Earlier<'a> {
    session: &'a Session,
    chunks: &'a [Digest],
    /// The chunk that probably comes next.
    next: usize,
    /// The bytes of that chunk and of the one after it, each at its number modulo two.
    read: [Option<(usize, Vec<u8>)>; 2],
    /// Where each chunk is; filled at the first difference.
    places: HashMap<Digest, usize>,
}

impl<'a> Earlier<'a> {
    pub(super) fn new(session: &'a Session, chunks: &'a [Digest]) -> Self {
        Self {
            session,
            chunks,
            next: 0,
            read: [None, None],
            places: HashMap::new(),
        }
    }

    /// The chunk with which these bytes begin, and its length, if the next chunk of the earlier
    /// content is the one that a cut would give.
    pub(super) fn repeated(&mut self, bytes: &[u8]) -> Option<(Digest, usize)> {
        let digest = *self.chunks.get(self.next)?;
        let length = {
            let chunk = self.read(self.next)?;
            bytes.starts_with(chunk).then_some(chunk.len())?
        };
        // The place of a cut depends on the byte behind it, too.
        if let Some(behind) = bytes.get(length) {
            let following = self.read(self.next + 1)?;
            (following.first() == Some(behind)).then_some(())?;
        }
        self.next += 1;
        Some((digest, length))
    }

    /// Continues behind a chunk that was cut, if the earlier content has it.
    pub(super) fn go_on_after(&mut self, digest: &Digest) {
        if self.places.is_empty() {
            let numbered = self.chunks.iter().enumerate();
            self.places = numbered.map(|(number, digest)| (*digest, number)).collect();
        }
        if let Some(number) = self.places.get(digest) {
            self.next = number + 1;
        }
    }

    /// The bytes of a chunk; `None` after the last chunk, or if the chunk cannot be read.
    fn read(&mut self, number: usize) -> Option<&[u8]> {
        let digest = self.chunks.get(number)?;
        let place = &mut self.read[number % 2];
        if place.as_ref().is_none_or(|(at, _)| *at != number) {
            // A damaged chunk differs, and is cut and written again.
            *place = Some((number, self.session.unchecked(digest)?));
        }
        place.as_ref().map(|(_, chunk)| &chunk[..])
    }
}
