//! Lines of at most [`LINE`] bytes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::LINE;
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};

/// The size of one read.
const CHUNK: usize = 16 << 10;

/// Why no line could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a line is longer than {LINE} bytes")]
    TooLong,
    #[error("the last line has no end: {} of it arrived", counted(*.0, "byte", "bytes"))]
    Incomplete(usize),
    #[error("cannot read")]
    Read(#[from] io::Error),
}

/// Reads lines.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    buffer: BytesMut,
    /// The length of the part of the buffer that was searched and contains no line end.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            searched: 0,
        }
    }

    /// The next line without its end; `None` at the end of the input. Dropping the future loses
    /// nothing.
    pub(crate) async fn next(&mut self) -> std::result::Result<Option<Bytes>, LineError> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched >= LINE {
                return Err(LineError::TooLong);
            }
            self.buffer.reserve(CHUNK);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return match self.searched {
                    0 => Ok(None),
                    bytes => Err(LineError::Incomplete(bytes)),
                };
            }
        }
    }
}

/// A message as a line.
pub(crate) fn line(message: &impl Serialize) -> Result<Bytes> {
    let mut line = serde_json::to_vec(message)
        .map_err(|error| Error::invalid(format!("it cannot be written as JSON: {error}")))?;
    line.push(b'\n');
    if line.len() > LINE {
        let text = format!("the message has {} bytes, and a line at most {LINE}", line.len());
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8]) -> (Vec<Bytes>, Option<LineError>) {
        // One byte at a time is the most difficult case.
        let (mut writer, reader) = tokio::io::duplex(1);
        let text = text.to_vec();
        let write = async move {
            // The reader may have ended at an error.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, &text).await;
        };
        let mut lines = Lines::new(reader);
        let read = async move {
            let mut found = Vec::new();
            loop {
                match lines.next().await {
                    Ok(Some(line)) => found.push(line),
                    Ok(None) => return (found, None),
                    Err(error) => return (found, Some(error)),
                }
            }
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn lines_are_read_whole() {
        let (lines, error) = read(b"one\n\ntwo\n").await;
        assert_eq!(lines, [&b"one"[..], b"", b"two"]);
        assert!(error.is_none());
        let (lines, error) = read(b"one\ntw").await;
        assert_eq!(lines.len(), 1);
        assert!(matches!(error, Some(LineError::Incomplete(2))));
    }

    #[tokio::test]
    async fn endless_line_is_not_collected() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'));
        assert!(matches!(lines.next().await, Err(LineError::TooLong)));
        assert!(lines.buffer.capacity() < 4 * LINE);
    }

    #[test]
    fn message_that_is_too_long_is_an_error() {
        line(&"x".repeat(LINE - 3)).unwrap();
        let error = line(&"x".repeat(LINE)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("and a line at most"), "{error}");
    }
}
