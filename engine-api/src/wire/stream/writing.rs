//! Writing the input of a process while its output is read.

use std::pin::Pin;

use super::framing::Chunk;
use super::hijacked::Input;
use super::output::Output;
use crate::error::Result;

/// Writes input while the output is read, so that neither blocks the other.
///
/// A process may exit or close its input before it has read everything. This is not an error, as in
/// a pipe of a shell.
pub(crate) struct Writing<'a> {
    /// `None` after all data is written, or the other side has stopped reading.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(stdin: &'a mut Input, input: &'a [u8]) -> Self {
        let feed = async {
            if stdin.write(input).await.is_ok() {
                // Fails only if the process has exited, which the output reports better.
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

    /// Writes until the next chunk of `output` arrives, and returns the chunk. Cancel-safe.
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
