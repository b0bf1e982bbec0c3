//! Collecting the output of a process while its input is written.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};

use super::framing::Chunk;
use super::hijacked::Input;
use super::output::Output;
use crate::error::Result;

/// What a process left behind when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOutput {
    /// The exit code; 128 + n after signal n.
    pub exit_code: i64,
    /// Standard output, or all of a terminal's.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
    /// Whether the engine closed the stream after the process had ended. If not, what came until two
    /// quiet looks found the process gone is all there is.
    pub output_complete: bool,
}

/// Output collected apart.
#[derive(Default)]
pub(crate) struct Collected {
    stdout: BytesMut,
    stderr: BytesMut,
}

impl Collected {
    pub(crate) fn add(&mut self, chunk: &Chunk) {
        match chunk {
            Chunk::Stderr(bytes) => self.stderr.extend_from_slice(bytes),
            Chunk::Stdout(bytes) | Chunk::Terminal(bytes) => self.stdout.extend_from_slice(bytes),
        }
    }

    pub(crate) fn finish(self, exit_code: i64, output_complete: bool) -> RunOutput {
        let (stdout, stderr) = (self.stdout.freeze(), self.stderr.freeze());
        RunOutput {
            exit_code,
            stdout,
            stderr,
            output_complete,
        }
    }
}

/// Input being written and ended while the output is read, so that neither blocks the other.
///
/// A process that ends, or closes its input, before it has read everything is no error: what it does
/// with its input is its own affair, as in a shell's pipe.
pub(crate) struct Writing<'a> {
    /// Gone once all is written, or the other side has stopped reading.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(stdin: &'a mut Input, input: &'a [u8]) -> Self {
        let feed = async {
            if stdin.write(input).await.is_ok() {
                // Fails only when the process has gone, which the output tells better.
                drop(stdin.close().await);
            }
        };
        Self {
            rest: if input.is_empty() {
                None
            } else {
                Some(Box::pin(feed))
            },
        }
    }

    /// The next chunk of `output`; writes meanwhile. Cancel-safe.
    pub(crate) async fn beside(&mut self, output: &mut Output) -> Option<Result<Chunk>> {
        std::future::poll_fn(|cx| {
            if self
                .rest
                .as_mut()
                .is_some_and(|rest| rest.as_mut().poll(cx).is_ready())
            {
                self.rest = None;
            }
            output.poll_chunk(cx)
        })
        .await
    }
}
