//! Marks, and how they are separated from the output of a command.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::environment::id::random_hex;

/// A word that cannot be in the output of a command by accident.
///
/// No command can see it: it is in no argument, no environment variable and no input.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mark(String);

/// The source of the marks of a container's shells.
#[derive(Debug)]
pub(in crate::engines::docker) enum Marks {
    /// Each mark has 128 random bits: no command can guess it.
    Random,
    /// The marks are the same each time, apart from the ID of the environment: a recording contains
    /// a placeholder for it.
    Counted { id: String, count: AtomicU64 },
}

impl Marks {
    pub(in crate::engines::docker) fn counted(id: &str) -> Self {
        let (id, count) = (id.to_owned(), AtomicU64::new(0));
        Self::Counted { id, count }
    }

    /// The mark of the next text.
    pub(super) fn next(&self) -> Mark {
        match self {
            Self::Random => Mark::random(),
            Self::Counted { id, count } => {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                // The dot is no part of a word: a recording has a placeholder for the ID also after
                // output that ends without a newline.
                Mark(format!(".{id}-{number}"))
            }
        }
    }

    /// Whether a recording of the text of a command can be replayed.
    pub(super) fn repeat(&self) -> bool {
        matches!(self, Self::Counted { .. })
    }
}

/// The longest rest of a line after a mark, with its end.
const LONGEST: usize = 64;

impl Mark {
    pub(super) fn random() -> Self {
        Self(random_hex() + &random_hex())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A piece of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Output of the command.
    Output(Bytes),
    /// The rest of a line after the mark.
    Mark(String),
    /// A mark whose line does not end: the shell is not the one that was started.
    Invalid,
}

/// Separates marks from output on one stream. A mark may be split over chunks, and may follow
/// output without a newline.
pub(super) struct Scanner {
    finder: Finder<'static>,
    pending: Bytes,
}

impl Scanner {
    pub(super) fn new(mark: &Mark) -> Self {
        Self {
            finder: Finder::new(&format!("{} ", mark.0)).into_owned(),
            pending: Bytes::new(),
        }
    }

    /// Adds a chunk, and appends all pieces that are complete.
    pub(super) fn push(&mut self, chunk: Bytes, pieces: &mut VecDeque<Piece>) {
        let mut rest = self.joined(chunk);
        while let Some(at) = self.finder.find(&rest) {
            let output = rest.split_to(at);
            if !output.is_empty() {
                pieces.push_back(Piece::Output(output));
            }
            let needle = self.finder.needle().len();
            let line = &rest[needle..];
            let Some(end) = line.iter().take(LONGEST).position(|byte| *byte == b'\n') else {
                if line.len() >= LONGEST {
                    pieces.push_back(Piece::Invalid);
                }
                self.pending = rest;
                return;
            };
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            pieces.push_back(Piece::Mark(text));
            rest = rest.split_off(needle + end + 1);
        }
        let kept = self.start_of_mark(&rest);
        let output = rest.split_to(rest.len() - kept);
        if !output.is_empty() {
            pieces.push_back(Piece::Output(output));
        }
        self.pending = rest;
    }

    /// Takes the bytes that were held back because a mark could have followed.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.pending)
    }

    fn joined(&mut self, chunk: Bytes) -> Bytes {
        if self.pending.is_empty() {
            return chunk;
        }
        let mut joined = BytesMut::with_capacity(self.pending.len() + chunk.len());
        joined.extend_from_slice(&self.pending);
        joined.extend_from_slice(&chunk);
        joined.freeze()
    }

    /// The length of the longest end of `bytes` that a mark may start with.
    fn start_of_mark(&self, bytes: &[u8]) -> usize {
        let needle = self.finder.needle();
        let longest = needle.len().saturating_sub(1).min(bytes.len());
        let starts = |length: &usize| bytes.ends_with(&needle[..*length]);
        (1..=longest).rev().find(starts).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a stream that is cut into chunks at these positions.
    fn pieces(mark: &Mark, stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<String>, Bytes) {
        let mut scanner = Scanner::new(mark);
        let (mut found, mut from) = (VecDeque::new(), 0);
        for cut in cuts.iter().copied().chain([stream.len()]) {
            scanner.push(Bytes::copy_from_slice(&stream[from..cut]), &mut found);
            from = cut;
        }
        let (mut output, mut marks) = (Vec::new(), Vec::new());
        for piece in found {
            match piece {
                Piece::Output(bytes) => output.extend_from_slice(&bytes),
                Piece::Mark(text) => marks.push(text),
                Piece::Invalid => panic!("invalid mark"),
            }
        }
        (output, marks, scanner.rest())
    }

    #[test]
    fn marks_are_unique_and_have_128_bits() {
        let (one, other) = (Mark::random(), Mark::random());
        assert!(one != other);
        assert_eq!(one.as_str().len(), 32);
    }

    #[test]
    fn counted_marks_contain_the_environment() {
        let marks = Marks::counted("0123456789abcdef");
        let numbered = [1, 2].map(|number| format!(".0123456789abcdef-{number}"));
        assert_eq!([marks.next(), marks.next()].map(|mark| mark.0), numbered);
        assert!(marks.repeat() && !Marks::Random.repeat());
    }

    #[test]
    fn stream_cut_at_every_byte_gives_the_same_pieces() {
        let mark = Mark::random();
        let name = mark.as_str();
        // Output without a newline, starts of marks, a mark without its blank.
        let stream = format!(
            "{name} B 17\nno newline{}{name}{} {name} E 3 0\n",
            &name[..9],
            &name[..31]
        );
        let expected = format!("no newline{}{name}{} ", &name[..9], &name[..31]);
        for first in 0..=stream.len() {
            for second in [first, (first + 1).min(stream.len()), stream.len()] {
                let (output, marks, rest) = pieces(&mark, stream.as_bytes(), &[first, second]);
                assert_eq!(output, expected.as_bytes(), "cut at {first} and {second}");
                assert_eq!(marks, ["B 17", "E 3 0"]);
                assert!(rest.is_empty());
            }
        }
    }

    #[test]
    fn output_is_not_held_back_without_a_reason() {
        let mark = Mark::random();
        let (output, _, rest) = pieces(&mark, b"progress: 10 %", &[]);
        assert_eq!(output, b"progress: 10 %");
        assert!(rest.is_empty());
        let start = format!("x{}", &mark.as_str()[..5]);
        let (output, _, rest) = pieces(&mark, start.as_bytes(), &[]);
        assert_eq!(
            (output.as_slice(), &rest[..]),
            (&b"x"[..], &mark.0.as_bytes()[..5])
        );
    }

    #[test]
    fn mark_without_an_end_of_line_is_invalid() {
        let mark = Mark::random();
        let mut scanner = Scanner::new(&mark);
        let mut found = VecDeque::new();
        let text = format!("{} {}", mark.as_str(), "x".repeat(LONGEST));
        scanner.push(Bytes::from(text), &mut found);
        assert_eq!(found, [Piece::Invalid]);
    }
}
