//! Raw bytes: archives, exports.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use tokio::io::{AsyncRead, ReadBuf};

use super::source::Source;
use super::tail::Tail;
use crate::error::{Cause, Result};
use crate::reply_limits::ReplyLimits;
use crate::wire::call_context::CallContext;
use crate::wire::reply::Reply;

/// A stream of bytes, such as a tar archive.
///
/// Read it piece by piece with [`RawBytes::next`], or as [`AsyncRead`]. Dropping it closes its
/// connection.
///
/// An incomplete archive is an error at the end of the stream: [`crate::ErrorKind::Truncated`], or
/// [`crate::ErrorKind::Stream`] if the engine appended an error message.
pub struct RawBytes {
    source: Source,
    rest: Bytes,
    /// For archives.
    tail: Option<Tail>,
    context: CallContext,
    limits: ReplyLimits,
}

impl RawBytes {
    pub(crate) fn new(reply: Reply) -> Self {
        Self::over(Source::Body(Box::new(reply.body)), reply.context, reply.limits)
    }

    /// The bytes of a hijacked connection.
    pub(crate) fn over(source: Source, context: CallContext, limits: ReplyLimits) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            tail: None,
            context,
            limits,
        }
    }

    /// Bytes that must end like a tar archive.
    pub(crate) fn archive(reply: Reply) -> Self {
        Self {
            tail: Some(Tail::default()),
            ..Self::new(reply)
        }
    }

    /// The next piece, never empty; `None` at the end. Cancel-safe: a dropped `next` loses nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// Reads all bytes into memory; use it for small replies.
    ///
    /// # Errors
    ///
    /// The error that broke the stream; [`crate::ErrorKind::ReplyTooLong`] above
    /// [`ReplyLimits::collected`].
    pub async fn collect(mut self) -> Result<Bytes> {
        let limit = self.limits.collected;
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if piece.len() > limit - all.len() {
                return Err(self.context.error(Cause::long_collection(limit)));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        let piece = match ready!(self.source.poll_next(cx)) {
            Some(Ok(piece)) => {
                if let Some(tail) = &mut self.tail {
                    tail.push(&piece);
                }
                Some(Ok(piece))
            }
            // Removed, because the stream ends after its error.
            None => self.tail.take().and_then(|tail| tail.end().err()).map(Err),
            broken => {
                self.tail = None;
                broken
            }
        };
        Poll::Ready(piece.map(|piece| piece.map_err(|cause| self.context.error(cause))))
    }
}

impl Stream for RawBytes {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.get_mut().poll_piece(cx)
    }
}

impl AsyncRead for RawBytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.poll_piece(cx)) {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = buf.remaining().min(self.rest.len());
        buf.put_slice(&self.rest[..n]);
        self.rest.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for RawBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawBytes")
            .field("of", &self.context)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::error::ErrorKind;
    use crate::wire::canned::Canned;

    fn three() -> crate::Docker {
        Canned::new("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").docker()
    }

    #[tokio::test]
    async fn bytes_are_read_as_pieces_after_a_reader() {
        let docker = three();
        let mut body = docker.raw("GET", "/x").send().await.unwrap().body;
        let mut first = [0; 1];
        body.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"a");
        body.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"b");
        assert_eq!(body.next().await.unwrap().unwrap(), "c");
        for _ in 0..2 {
            assert!(body.next().await.is_none());
        }
        assert_eq!(body.read(&mut first).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn reader_of_a_broken_body_fails() {
        let docker = Canned::broken(io::ErrorKind::TimedOut).docker();
        let mut body = docker.raw("GET", "/x").send().await.unwrap().body;
        let mut all = Vec::new();
        let error = body.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(all, b"part");
        let inner = error.get_ref().unwrap().downcast_ref::<crate::Error>();
        assert_eq!(inner.unwrap().kind(), ErrorKind::Disconnected);
    }

    #[cfg(feature = "blocking")]
    #[test]
    fn bytes_are_an_iterator_and_come_back() {
        use crate::blocking::{iter, wait};
        let docker = three();
        let body = wait(docker.raw("GET", "/x").send()).unwrap().body;
        let mut pieces = iter(body);
        assert_eq!(pieces.next().unwrap().unwrap(), "abc");
        let body = pieces.into_inner();
        assert_eq!(wait(body.collect()).unwrap(), "");
    }
}
