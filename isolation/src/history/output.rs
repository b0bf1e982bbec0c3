//! The output of commands, as it arrived.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;
use memchr::memchr_iter;

use crate::command::execution::Chunk;
use crate::logs::OutputStream;

/// The amount of output of all commands that is kept, in bytes.
const MOST: usize = 4 << 20;

/// A smaller piece is copied: a slice would keep the buffer in which it arrived.
const SMALL: usize = 4096;

/// A piece of output.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The number of the command.
    pub(crate) command: u64,
    pub(crate) at: SystemTime,
    pub(crate) stream: OutputStream,
    pub(crate) bytes: Bytes,
    /// Its number among all pieces, from 0.
    pub(crate) number: u64,
    /// The number of lines that ended in earlier pieces, including dropped pieces.
    pub(crate) lines_before: u64,
}

/// The last pieces. Lines are assembled only when they are read, so that commands with much output
/// are not slowed down.
#[derive(Debug, Default)]
pub(super) struct OutputRing {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// The number of all pieces, and of the lines that ended in them.
    added: u64,
    lines: u64,
}

fn cost(piece: &Piece) -> usize {
    size_of::<Piece>() + piece.bytes.len()
}

impl OutputRing {
    pub(super) fn add(&mut self, command: u64, chunk: &Chunk) {
        let (stream, bytes) = match chunk {
            Chunk::Stdout(bytes) => (OutputStream::Stdout, bytes),
            Chunk::Stderr(bytes) => (OutputStream::Stderr, bytes),
        };
        if bytes.is_empty() {
            return;
        }
        let bytes = match bytes.len() < SMALL {
            true => Bytes::copy_from_slice(bytes),
            false => bytes.clone(),
        };
        let piece = Piece {
            command,
            at: SystemTime::now(),
            stream,
            bytes,
            number: self.added,
            lines_before: self.lines,
        };
        self.added += 1;
        self.lines += memchr_iter(b'\n', &piece.bytes).count() as u64;
        self.bytes += cost(&piece);
        self.pieces.push_back(piece);
        while self.bytes > MOST && self.pieces.len() > 1 {
            self.bytes -= self.pieces.pop_front().as_ref().map_or(0, cost);
        }
    }

    /// The stored pieces from this number on.
    pub(super) fn since(&self, from: u64) -> Vec<Piece> {
        let forgotten = self.added - self.pieces.len() as u64;
        let skip = usize::try_from(from.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        self.pieces.iter().skip(skip).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_output_is_forgotten_and_counted() {
        let mut ring = OutputRing::default();
        let piece = Bytes::from(vec![b'\n'; MOST / 4]);
        for _ in 0..3 {
            ring.add(1, &Chunk::Stdout(piece.clone()));
        }
        assert_eq!((ring.since(0).len(), ring.since(0)[0].lines_before), (3, 0));
        for _ in 0..3 {
            ring.add(2, &Chunk::Stderr(piece.clone()));
        }
        let kept = ring.since(0);
        assert_eq!((kept.len(), kept[0].lines_before), (3, 3 * piece.len() as u64));
        assert!(kept.iter().all(|one| one.command == 2));
        assert_eq!(
            (kept[2].number, ring.since(5).len(), ring.since(6).len()),
            (5, 1, 0)
        );
    }

    #[test]
    fn piece_above_the_limit_is_kept_alone() {
        let mut ring = OutputRing::default();
        ring.add(1, &Chunk::Stdout(Bytes::from_static(b"a\n")));
        ring.add(1, &Chunk::Stdout(Bytes::from(vec![0; MOST + 1])));
        ring.add(1, &Chunk::Stdout(Bytes::new()));
        let kept = ring.since(0);
        assert_eq!((kept.len(), kept[0].lines_before), (1, 1));
    }
}
