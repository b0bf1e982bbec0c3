//! Splits a process's output into chunks.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Cause;

/// A piece of a process's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
    /// Output of a terminal: both streams together, in the order of arrival.
    Terminal(Bytes),
}

impl Chunk {
    /// The bytes, of any stream.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Stdout(bytes) | Self::Stderr(bytes) | Self::Terminal(bytes) => bytes,
        }
    }

    /// The bytes as text; invalid UTF-8 becomes U+FFFD, also a character that is split between two
    /// chunks.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// The bytes, of any stream.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Stdout(bytes) | Self::Stderr(bytes) | Self::Terminal(bytes) => bytes,
        }
    }
}

/// Length of a frame's header: the stream's number, three zeros, the payload's length.
const HEADER: usize = 8;

/// A frame up to this length is returned as a whole, a longer one in pieces as they arrive. The
/// length in a header is not trusted, so no memory is reserved for it.
const WHOLE: usize = 64 * 1024;

/// The maximum length of an engine's error message that is kept.
const LONGEST_MESSAGE: usize = 4096;

/// Extracts frames from bytes that arrive in arbitrary pieces.
///
/// Bytes are parsed in place; only a header or short frame that is split into two pieces is copied.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The bytes that have arrived and are not returned yet; they follow `carry`.
    fresh: Bytes,
    /// The beginning of an incomplete header or frame.
    carry: BytesMut,
    /// For a long frame: its stream, its remaining length, and its full length.
    open: Option<(u8, usize, usize)>,
}

impl Frames {
    /// Adds bytes; all items must have been taken out before.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.fresh = bytes;
    }

    /// The next chunk; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Option<Result<Chunk, Cause>> {
        loop {
            if let Some((kind, left, full)) = self.open {
                return self.piece(kind, left, full).map(Ok);
            }
            self.fill(HEADER);
            let Some((kind, length)) = self.header() else {
                self.keep();
                return None;
            };
            if kind > 3 {
                return Some(Err(Cause::Protocol(format!(
                    "the output has a frame of unknown type {kind}; is it a terminal's, read as frames?"
                ))));
            }
            if kind == 3 {
                return self.message(length);
            }
            if length > WHOLE {
                self.skip(HEADER);
                self.open = Some((kind, length, length));
                continue;
            }
            self.fill(HEADER + length);
            if self.len() < HEADER + length {
                self.keep();
                return None;
            }
            self.skip(HEADER);
            // Empty frames are legal and are skipped.
            if length > 0 {
                return Some(Ok(chunk(kind, self.take(length))));
            }
        }
    }

    /// Ends the input. An incomplete frame is an error, which contains the received bytes.
    pub(crate) fn end(&mut self) -> Result<(), Cause> {
        if let Some((_, left, full)) = self.open.take() {
            let (expected, received) = (full as u64, (full - left) as u64);
            return Err(Cause::Truncated {
                expected,
                received,
                partial: Bytes::new(),
            });
        }
        let received = self.len();
        if received == 0 {
            return Ok(());
        }
        let header = self.header();
        let partial = self.take(received);
        Err(match header {
            Some((_, length)) => Cause::Truncated {
                expected: length as u64,
                received: (received - HEADER) as u64,
                partial: partial.slice(HEADER..),
            },
            None => Cause::Truncated {
                expected: HEADER as u64,
                received: received as u64,
                partial,
            },
        })
    }

    /// The engine's own error, stream 3; the chunks before it have been returned.
    fn message(&mut self, length: usize) -> Option<Result<Chunk, Cause>> {
        let wanted = HEADER + length.min(LONGEST_MESSAGE);
        self.fill(wanted);
        if self.len() < wanted {
            self.keep();
            return None;
        }
        self.skip(HEADER);
        let text = self.take(wanted - HEADER);
        let message = String::from_utf8_lossy(&text).trim().to_owned();
        Some(Err(Cause::Stream { message, code: None }))
    }

    /// A piece of the current long frame.
    fn piece(&mut self, kind: u8, left: usize, full: usize) -> Option<Chunk> {
        let now = left.min(self.len());
        if now == 0 {
            return None;
        }
        self.open = (now < left).then_some((kind, left - now, full));
        Some(chunk(kind, self.take(now)))
    }

    fn len(&self) -> usize {
        self.carry.len() + self.fresh.len()
    }

    fn header(&self) -> Option<(u8, usize)> {
        let bytes: &[u8] = if self.carry.is_empty() {
            &self.fresh
        } else {
            &self.carry
        };
        let header = bytes.get(..HEADER)?;
        Some((
            header[0],
            u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize,
        ))
    }

    /// Fills `carry` up to `wanted` bytes, with the bytes that are available.
    fn fill(&mut self, wanted: usize) {
        if !self.carry.is_empty() && self.carry.len() < wanted {
            let more = (wanted - self.carry.len()).min(self.fresh.len());
            self.carry.extend_from_slice(&self.fresh[..more]);
            self.fresh.advance(more);
        }
    }

    /// Removes the first `n` bytes, which are either all in `carry` or all in `fresh`.
    fn take(&mut self, n: usize) -> Bytes {
        if self.carry.is_empty() {
            self.fresh.split_to(n)
        } else {
            self.carry.split_to(n).freeze()
        }
    }

    /// Drops the first `n` bytes, like [`Frames::take`], but without a second owner of the rest.
    fn skip(&mut self, n: usize) {
        if self.carry.is_empty() {
            self.fresh.advance(n);
        } else {
            self.carry.advance(n);
        }
    }

    /// Keeps the rest until more bytes arrive.
    fn keep(&mut self) {
        self.carry.extend_from_slice(&self.fresh);
        self.fresh = Bytes::new();
    }
}

fn chunk(kind: u8, bytes: Bytes) -> Chunk {
    // Type 0 is "standard input", which engines also use for output.
    if kind == 2 {
        Chunk::Stderr(bytes)
    } else {
        Chunk::Stdout(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![kind, 0, 0, 0];
        out.extend((payload.len() as u32).to_be_bytes());
        out.extend(payload);
        out
    }

    /// All chunks and the result, with the bytes in pieces whose sizes repeat `sizes`.
    fn run(bytes: &[u8], sizes: &[usize]) -> (Vec<Chunk>, Result<(), Cause>) {
        let (mut frames, mut chunks) = (Frames::default(), Vec::new());
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let n = (*sizes.next().unwrap()).clamp(1, rest.len());
            frames.push(Bytes::copy_from_slice(&rest[..n]));
            rest = &rest[n..];
            while let Some(item) = frames.next() {
                match item {
                    Ok(chunk) => chunks.push(chunk),
                    Err(cause) => return (chunks, Err(cause)),
                }
            }
        }
        let end = frames.end();
        (chunks, end)
    }

    fn joined(chunks: &[Chunk]) -> (Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for chunk in chunks {
            if matches!(chunk, Chunk::Stderr(_)) {
                &mut err
            } else {
                &mut out
            }
            .extend_from_slice(chunk.bytes());
        }
        (out, err)
    }

    #[test]
    fn a_long_frame_comes_in_pieces() {
        let mut bytes = frame(1, &vec![b'x'; WHOLE + 100]);
        bytes.extend(frame(2, b"end"));
        let (chunks, end) = run(&bytes, &[1000]);
        end.unwrap();
        assert_eq!(joined(&chunks), (vec![b'x'; WHOLE + 100], b"end".to_vec()));
        let (chunks, end) = run(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, b'a'], &[9]);
        assert_eq!(chunks, [Chunk::Stdout(Bytes::from_static(b"a"))]);
        assert!(matches!(
            end,
            Err(Cause::Truncated {
                expected: 0xffff_ffff,
                received: 1,
                ..
            })
        ));
    }

    #[test]
    fn the_engines_error_comes_after_all_before_it() {
        let bytes = [
            frame(1, b"one"),
            frame(3, b"Error grabbing logs"),
            frame(1, b"two"),
        ]
        .concat();
        let (chunks, end) = run(&bytes, &[5]);
        assert_eq!(chunks, [Chunk::Stdout(Bytes::from_static(b"one"))]);
        assert!(matches!(end, Err(Cause::Stream { message, .. }) if message == "Error grabbing logs"));
    }

    #[test]
    fn an_unknown_type_is_an_error() {
        assert!(matches!(run(&frame(4, b"x"), &[100]).1, Err(Cause::Protocol(_))));
        assert!(matches!(run(b"$ terminal", &[100]).1, Err(Cause::Protocol(_))));
    }

    proptest! {
        #[test]
        fn any_cut_of_the_bytes_gives_the_same_chunks(
            frames in prop::collection::vec((0u8..3, prop::collection::vec(any::<u8>(), 0..300)), 0..20),
            sizes in prop::collection::vec(1usize..200, 1..10),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect();
            let (whole, end) = run(&bytes, &[usize::MAX]);
            prop_assert!(end.is_ok());
            let (cut, end) = run(&bytes, &sizes);
            prop_assert!(end.is_ok());
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn every_truncation_keeps_the_partial_bytes(
            payload in prop::collection::vec(any::<u8>(), 1..200), sizes in prop::collection::vec(1usize..50, 1..5),
            at in 0.0f64..1.0,
        ) {
            let bytes = [frame(1, b"whole"), frame(2, &payload)].concat();
            let first = 8 + 5;
            let cut = first + 1 + ((bytes.len() - first - 2) as f64 * at) as usize;
            let (chunks, end) = run(&bytes[..cut], &sizes);
            prop_assert_eq!(&chunks[..], &[Chunk::Stdout(Bytes::from_static(b"whole"))][..]);
            let Err(Cause::Truncated { received, partial, .. }) = end else { panic!("no truncation") };
            prop_assert_eq!(received as usize, partial.len());
            prop_assert!(bytes[..cut].ends_with(&partial));
        }
    }
}
