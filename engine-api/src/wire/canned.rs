//! A connection for tests: it replies with fixed bytes, whatever is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::Docker;
use crate::connect::{BoxStream, Connecting, Connector};

/// An engine that replies to the first request of each connection.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    pub(crate) reply: Bytes,
    /// The error after the reply; `None` for the end of the connection.
    pub(crate) then: Option<io::ErrorKind>,
    /// The error of every write.
    pub(crate) write: Option<io::ErrorKind>,
}

impl Canned {
    pub(crate) fn new(reply: impl Into<Bytes>) -> Self {
        Self {
            reply: reply.into(),
            then: None,
            write: None,
        }
    }

    /// A reply whose body is not complete: then reading fails.
    pub(crate) fn broken(kind: io::ErrorKind) -> Self {
        Self {
            then: Some(kind),
            ..Self::new("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        }
    }

    /// A client that does not ask for the version.
    pub(crate) fn docker(self) -> Docker {
        Docker::with_connector(self).with_version(crate::Version::OLDEST)
    }
}

impl Connector for Canned {
    fn connect(&self) -> Connecting<'_> {
        let stream = CannedStream {
            engine: self.clone(),
            asked: false,
            reader: None,
        };
        Box::pin(async { Ok(Box::new(stream) as BoxStream) })
    }

    fn address(&self) -> String {
        "test://canned".into()
    }
}

struct CannedStream {
    engine: Canned,
    /// Whether anything was written, or a write has failed.
    asked: bool,
    reader: Option<Waker>,
}

impl AsyncRead for CannedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let left = self.engine.reply.len();
        match self.engine.then {
            Some(kind) if left == 0 => Poll::Ready(Err(kind.into())),
            _ => {
                let piece = left.min(buf.remaining());
                buf.put_slice(&self.engine.reply[..piece]);
                self.engine.reply.advance(piece);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for CannedStream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(match self.engine.write {
            Some(kind) => Err(kind.into()),
            None => Ok(data.len()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.engine.write {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None => Poll::Ready(Ok(())),
        }
    }
}
