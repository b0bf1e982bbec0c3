//! A hijacked connection: a process's standard input in one direction, its output in the other.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "buildkit")]
use bytes::Bytes;
#[cfg(feature = "buildkit")]
use tokio::io::{AsyncRead, ReadBuf};
use tokio::io::{AsyncWrite, AsyncWriteExt, WriteHalf};

use super::output::{Output, announced};
use super::source::Source;
use crate::connect::BoxStream;
use crate::error::{Cause, Result};
use crate::wire::call_context::CallContext;
use crate::wire::reply::Reply;

/// Both directions of a process after an attach or an exec.
///
/// The halves are independent: read and write in two tasks, or in one with `tokio::select!`. If a
/// process writes much output, read it while you write the input; otherwise both sides block.
#[derive(Debug)]
pub struct Hijacked {
    /// The process's standard input.
    pub input: Input,
    /// The output of the process.
    pub output: Output,
}

impl Hijacked {
    pub(crate) async fn from_reply(reply: Reply) -> Result<Self> {
        let announced = announced(reply.header("content-type"));
        let limits = reply.limits;
        let (input, source, context) = Self::halves(reply).await?;
        Ok(Self {
            input,
            output: Output::new(source, announced, context, limits),
        })
    }

    /// Both directions of the connection, without frames.
    pub(crate) async fn halves(reply: Reply) -> Result<(Input, Source, CallContext)> {
        let context = reply.context;
        let (conn, idle, total) = reply.body.into_conn();
        let conn = conn.ok_or_else(|| context.error(Cause::Protocol(ENDED.into())))?;
        let (stream, first) = conn.into_stream().await.map_err(|cause| context.error(cause))?;
        let (read, write) = tokio::io::split(stream);
        let source = Source::connection(read, first, idle, total);
        let input = Input {
            half: Some(write),
            context: context.clone(),
        };
        Ok((input, source, context))
    }

    /// The raw connection, without the timeouts of a call.
    #[cfg(feature = "buildkit")]
    pub(crate) async fn bare(reply: Reply) -> Result<BoxStream> {
        let context = reply.context;
        let (conn, _idle, _total) = reply.body.into_conn();
        let conn = conn.ok_or_else(|| context.error(Cause::Protocol(ENDED.into())))?;
        let (stream, first) = conn.into_stream().await.map_err(|cause| context.error(cause))?;
        Ok(Box::new(Preceded { first, stream }))
    }

    /// Determines whether the process has a terminal.
    pub(crate) fn terminal(mut self, terminal: bool) -> Self {
        self.output = self.output.terminal(terminal);
        self
    }
}

/// Why there is no connection to hijack.
const ENDED: &str = "the engine replied with status 101 and ended the connection";

/// A connection whose first bytes have been read.
#[cfg(feature = "buildkit")]
struct Preceded {
    first: Bytes,
    stream: BoxStream,
}

#[cfg(feature = "buildkit")]
impl AsyncRead for Preceded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = buf.remaining().min(self.first.len());
        buf.put_slice(&self.first.split_to(n));
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "buildkit")]
impl AsyncWrite for Preceded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The standard input of a process in a container.
///
/// It is an [`AsyncWrite`], so a file can be copied into it. [`Input::close`] ends the input of the
/// process. Dropping the input only stops writing, and the process continues to wait.
pub struct Input {
    half: Option<WriteHalf<BoxStream>>,
    context: CallContext,
}

impl Input {
    /// Writes all of `data`, and flushes it.
    ///
    /// # Errors
    ///
    /// When the connection is closed, usually because the process has exited.
    pub async fn write(&mut self, data: &[u8]) -> Result<()> {
        let half = self.half()?;
        let written = match half.write_all(data).await {
            Ok(()) => half.flush().await, // TLS may keep a part until then
            Err(error) => Err(error),
        };
        written.map_err(|error| self.context.error(Cause::Io(error)))
    }

    /// Ends the input of the process (end of file), and keeps the output open.
    ///
    /// A second call has no effect.
    ///
    /// # Errors
    ///
    /// When the connection is closed.
    pub async fn close(&mut self) -> Result<()> {
        let Some(mut half) = self.half.take() else {
            return Ok(());
        };
        tolerant(half.shutdown().await).map_err(|error| self.context.error(Cause::Io(error)))
    }

    fn half(&mut self) -> Result<&mut WriteHalf<BoxStream>> {
        let finished = || {
            self.context
                .error(Cause::InvalidInput("the input has been finished".into()))
        };
        match &mut self.half {
            Some(half) => Ok(half),
            None => Err(finished()),
        }
    }

    fn poll_half(&mut self) -> io::Result<Pin<&mut WriteHalf<BoxStream>>> {
        let finished = || io::Error::new(io::ErrorKind::BrokenPipe, "the input has been finished");
        self.half.as_mut().map(Pin::new).ok_or_else(finished)
    }
}

/// If the other end has already closed the connection, this is not an error: it has read all the
/// data that it needs.
fn tolerant(ended: io::Result<()>) -> io::Result<()> {
    match ended {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        outcome => outcome,
    }
}

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut().poll_half() {
            Ok(half) => half.poll_write(cx, data),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().poll_half() {
            Ok(half) => half.poll_flush(cx),
            Err(_finished) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().poll_half() {
            Ok(half) => half.poll_shutdown(cx).map(tolerant),
            Err(_finished) => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("of", &self.context)
            .field("finished", &self.half.is_none())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn input_that_was_closed_takes_no_data() {
        let mut input = Input {
            half: None,
            context: CallContext::new("ContainerAttach"),
        };
        input.flush().await.unwrap();
        input.shutdown().await.unwrap();
        let error = AsyncWriteExt::write(&mut input, b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn end_of_a_closed_connection_is_no_error() {
        let ended = |kind: io::ErrorKind| tolerant(Err(kind.into())).map_err(|error| error.kind());
        assert_eq!(ended(io::ErrorKind::NotConnected), Ok(()));
        assert_eq!(ended(io::ErrorKind::TimedOut), Err(io::ErrorKind::TimedOut));
    }

    #[cfg(feature = "buildkit")]
    #[tokio::test]
    async fn first_bytes_precede_the_stream_until_its_end() {
        use tokio::io::AsyncReadExt;
        let (ours, mut theirs) = tokio::io::duplex(16);
        let first = Bytes::from_static(b"first ");
        let mut stream = Preceded {
            first,
            stream: Box::new(ours),
        };
        theirs.write_all(b"second").await.unwrap();
        stream.write_all(b"request").await.unwrap();
        stream.shutdown().await.unwrap();
        let (mut request, mut answer) = (String::new(), String::new());
        theirs.read_to_string(&mut request).await.unwrap();
        drop(theirs);
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!((request.as_str(), answer.as_str()), ("request", "first second"));
    }
}
