//! Checks the end of an archive: a regular end, or the message of an engine that failed.

use serde::Deserialize;

use crate::error::Cause;
use crate::wire::json;

/// The minimum number of zeros at the end of a tar archive: one block of the usual two.
const MARK: usize = 512;

/// The length of the end that is kept, for the message that it may contain.
const KEPT: usize = 2048;

/// The last bytes of an archive.
///
/// An engine that fails after the first byte can only append its error, or stop. In HTTP, both are
/// the regular end of a reply.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    last: Vec<u8>,
    received: u64,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(alias = "error")]
    message: String,
}

impl Tail {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.received += piece.len() as u64;
        let piece = &piece[piece.len().saturating_sub(KEPT)..];
        let surplus = (self.last.len() + piece.len()).saturating_sub(KEPT);
        self.last.drain(..surplus.min(self.last.len()));
        self.last.extend_from_slice(piece);
    }

    /// Called at the end of the bytes.
    pub(crate) fn end(&self) -> Result<(), Cause> {
        let text = self.last.iter().rposition(|byte| *byte != 0);
        let Some(text) = text.filter(|at| self.last.len() - at <= MARK) else {
            // Only zeros, or no bytes, which is not an archive either.
            return if self.received >= MARK as u64 {
                Ok(())
            } else {
                Err(self.cut())
            };
        };
        let text = &self.last[..=text];
        match text
            .iter()
            .enumerate()
            .find_map(|(at, byte)| said(*byte, &text[at..]))
        {
            Some(message) => Err(Cause::Stream { message, code: None }),
            None => Err(self.cut()),
        }
    }

    fn cut(&self) -> Cause {
        Cause::Truncated {
            expected: self.received + MARK as u64,
            received: self.received,
            partial: bytes::Bytes::new(),
        }
    }
}

/// The message of an error that begins here and continues to the end.
fn said(first: u8, rest: &[u8]) -> Option<String> {
    if first != b'{' {
        return None;
    }
    let failure: Failure = json::decode(rest).ok()?;
    Some(failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(pieces: &[&[u8]]) -> Result<(), Cause> {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.push(piece));
        tail.end()
    }

    #[test]
    fn zeros_end_an_archive_in_whatever_pieces() {
        end(&[&[b'x'; 5000], &[0; 1024]]).unwrap();
        end(&[&[b'x'; 512], &[0; 500], &[0; 300], &[0; 224]]).unwrap();
        end(&[&[0; 1024]]).unwrap();
        for pieces in [vec![&[0u8][..]; 1024], vec![&[0; 100][..]; 100]] {
            end(&pieces).unwrap();
        }
    }

    #[test]
    fn an_archive_without_its_end_is_cut() {
        for pieces in [
            &[&[b'x'; 5000][..]][..],
            &[],
            &[&[0; 100]],
            &[&[b'x'; 9], &[0; 511]],
        ] {
            let cause = end(pieces).unwrap_err();
            let received = pieces.iter().map(|piece| piece.len()).sum::<usize>() as u64;
            let Cause::Truncated {
                received: reported, ..
            } = cause
            else {
                panic!("{cause:?}")
            };
            assert_eq!(reported, received);
        }
    }

    #[test]
    fn a_json_message_after_the_archive_is_the_error() {
        for words in [
            "{\"errorDetail\":{\"message\":\"no space left\"},\"error\":\"no space left\"}\r\n",
            "{\"message\":\"no space left\"}\n",
        ] {
            for cut in 0..words.len() {
                let (head, rest) = words.as_bytes().split_at(cut);
                let cause = end(&[&[b'{'; 5000], &[0; 700], head, rest]).unwrap_err();
                assert!(
                    matches!(&cause, Cause::Stream { message, .. } if message == "no space left"),
                    "{cause:?}"
                );
            }
        }
    }
}
