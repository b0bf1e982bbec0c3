//! The standard input of a running command: written by the caller, or from bytes.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::BoxFuture;
use crate::error::{Error, Result};

/// The standard input of a running command. Dropping it closes it too, but only
/// [`finish`](Self::finish) reports an error.
pub struct Stdin(Pin<Box<dyn AsyncWrite + Send>>);

impl Stdin {
    /// For authors of engines: wraps a writer to the command. Shutting the writer down must close
    /// the input but not the output.
    pub fn new(writer: impl AsyncWrite + Send + 'static) -> Self {
        Self(Box::pin(writer))
    }

    /// Writes all bytes; waits while the command does not read.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.0.write_all(bytes).await;
        written.map_err(|e| Error::io("write", "standard input".as_ref(), e))
    }

    /// Closes the input: the command reads the end of input, and its output still arrives.
    pub async fn finish(mut self) -> Result<()> {
        let closed = self.0.shutdown().await;
        closed.map_err(|e| Error::io("close", "standard input".as_ref(), e))
    }
}

impl AsyncWrite for Stdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.0.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdin")
    }
}

/// Bytes that are written to a command. They are written while its output is read. Otherwise a
/// command that writes while it reads would block forever.
#[derive(Default)]
pub(crate) struct Feed(Option<(Stdin, Bytes)>);

impl Feed {
    pub(crate) fn new(stdin: Stdin, bytes: Bytes) -> Self {
        Self(Some((stdin, bytes)))
    }

    /// Writes until `work` is ready.
    pub(crate) async fn alongside<T>(&mut self, mut work: BoxFuture<'_, T>) -> T {
        poll_fn(|cx| {
            self.poll(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some((stdin, bytes)) = &mut self.0 {
            let ended = match bytes.is_empty() {
                true => stdin.0.as_mut().poll_shutdown(cx).map(|_| true),
                false => stdin
                    .0
                    .as_mut()
                    .poll_write(cx, bytes)
                    .map(|written| match written {
                        Ok(0) => true,
                        Ok(count) => {
                            bytes.advance(count);
                            false
                        }
                        // A command may exit without reading all its input, such as `head -1`.
                        Err(_) => true,
                    }),
            };
            match ended {
                Poll::Ready(true) => self.0 = None,
                Poll::Ready(false) => {}
                Poll::Pending => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::AsyncReadExt;

    use super::*;

    /// Accepts no byte, and remembers that it was closed.
    struct Full(Arc<AtomicBool>);

    impl AsyncWrite for Full {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Ok(0))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            self.0.store(true, Ordering::Relaxed);
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn stdin_as_a_writer_closes_the_input() {
        let (to, mut from) = tokio::io::duplex(64);
        let mut stdin = Stdin::new(to);
        AsyncWriteExt::write_all(&mut stdin, b"hello").await.unwrap();
        AsyncWriteExt::flush(&mut stdin).await.unwrap();
        AsyncWriteExt::shutdown(&mut stdin).await.unwrap();
        let mut read = String::new();
        from.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hello");
    }

    /// Without an end, the output of the command would never be read.
    #[tokio::test]
    async fn feed_ends_at_a_writer_that_takes_nothing() {
        let closed = Arc::new(AtomicBool::new(false));
        let mut feed = Feed::new(Stdin::new(Full(Arc::clone(&closed))), Bytes::from_static(b"x"));
        assert_eq!(feed.alongside(Box::pin(std::future::ready(7))).await, 7);
        assert!(feed.0.is_none() && !closed.load(Ordering::Relaxed));
    }
}
