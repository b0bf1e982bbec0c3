//! Collecting the output of a process.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::framing::Chunk;
use crate::error::{Cause, Result};
use crate::wire::call_context::CallContext;

/// The exit code and the whole output of a process that has exited.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOutput {
    /// The exit code; 128 + n after signal n.
    pub exit_code: i64,
    /// Standard output, or all output of a terminal.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
    /// Whether the engine closed the stream after the process had exited. If not, late output may
    /// be missing.
    pub output_complete: bool,
}

impl RunOutput {
    /// Standard output (or all output of a terminal) as text; invalid UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; invalid UTF-8 becomes U+FFFD.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// The output of a process so far, with separate streams.
pub(crate) struct Collected {
    stdout: BytesMut,
    stderr: BytesMut,
    /// The maximum number of bytes of both streams together.
    limit: usize,
    context: CallContext,
}

impl Collected {
    pub(super) fn new(limit: usize, context: CallContext) -> Self {
        Self {
            stdout: BytesMut::new(),
            stderr: BytesMut::new(),
            limit,
            context,
        }
    }

    /// Adds a chunk; an error if it does not fit.
    pub(crate) fn add(&mut self, chunk: &Chunk) -> Result<()> {
        let room = self.limit - self.stdout.len() - self.stderr.len();
        if chunk.bytes().len() > room {
            return Err(self.context.error(Cause::long_collection(self.limit)));
        }
        match chunk {
            Chunk::Stderr(bytes) => self.stderr.extend_from_slice(bytes),
            Chunk::Stdout(bytes) | Chunk::Terminal(bytes) => self.stdout.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Standard output (or the terminal), and standard error.
    pub(super) fn into_parts(self) -> (Bytes, Bytes) {
        (self.stdout.freeze(), self.stderr.freeze())
    }

    pub(crate) fn finish(self, exit_code: i64, output_complete: bool) -> RunOutput {
        let (stdout, stderr) = self.into_parts();
        RunOutput {
            exit_code,
            stdout,
            stderr,
            output_complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let output = RunOutput {
            exit_code: 0,
            stdout: Bytes::from_static(b"out\xff"),
            stderr: Bytes::from_static(b"\xfferr"),
            output_complete: true,
        };
        assert_eq!(
            (&*output.text(), &*output.stderr_text()),
            ("out\u{fffd}", "\u{fffd}err")
        );
    }
}
