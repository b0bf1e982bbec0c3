//! A connector that mangles what comes from the engine.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use engine_api::connect::{BoxStream, Connecting, Connector};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What happens to the bytes of each connection on their way from the engine to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mangle {
    /// They come at most so many at a time.
    Pieces(usize),
    /// They come in two reads, the first of so many bytes.
    SplitAt(usize),
    /// They come together as far as possible, however the engine wrote them.
    Together,
    /// After so many the connection ends.
    CutAt(usize),
    /// After so many nothing comes any more, and the connection stays.
    StallAt(usize),
}

/// A connector whose streams are mangled.
#[derive(Debug)]
pub struct Mangled<C> {
    inner: C,
    mangle: Mangle,
}

impl<C: Connector> Mangled<C> {
    /// Mangles the streams of `inner`.
    pub fn new(inner: C, mangle: Mangle) -> Self {
        Self { inner, mangle }
    }
}

impl<C: Connector> Connector for Mangled<C> {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let stream = MangledStream {
                inner: self.inner.connect().await?,
                mangle: self.mangle,
                came: BytesMut::new(),
                ended: false,
                pauses: 0,
                passed: 0,
                split: false,
            };
            Ok(Box::new(stream) as BoxStream)
        })
    }

    fn address(&self) -> String {
        self.inner.address()
    }

    fn base_path(&self) -> &str {
        self.inner.base_path()
    }

    fn host(&self) -> &str {
        self.inner.host()
    }

    fn reset_means_unread(&self) -> bool {
        self.inner.reset_means_unread()
    }
}

struct MangledStream {
    inner: BoxStream,
    mangle: Mangle,
    /// Come from the engine, not yet passed on.
    came: BytesMut,
    ended: bool,
    /// How often nothing came since something did.
    pauses: usize,
    /// Bytes passed on.
    passed: usize,
    /// Whether the reader has been made to wait at the split.
    split: bool,
}

/// After nothing has come for so many turns of the runtime, the engine has paused.
const PAUSE: usize = 16;

impl MangledStream {
    /// How many of `came` may pass now.
    fn allowed(&self) -> usize {
        match self.mangle {
            Mangle::Pieces(most) => most,
            Mangle::CutAt(at) | Mangle::StallAt(at) => at - self.passed,
            Mangle::SplitAt(at) if self.passed < at => at - self.passed,
            Mangle::SplitAt(_) | Mangle::Together => usize::MAX,
        }
    }

    /// Reads what there is; at the end, when nothing can come, or after a pause it is ready.
    fn poll_came(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let together = self.mangle == Mangle::Together;
        while !self.ended && (together || self.came.is_empty()) {
            let mut room = [0; 4096];
            let mut buf = ReadBuf::new(&mut room);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending if self.came.is_empty() || self.pauses >= PAUSE => break,
                Poll::Pending => {
                    self.pauses += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            self.pauses = 0;
            self.ended = buf.filled().is_empty();
            self.came.extend_from_slice(buf.filled());
        }
        if self.came.is_empty() && !self.ended {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for MangledStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.mangle {
            Mangle::CutAt(at) if self.passed == at => return Poll::Ready(Ok(())),
            Mangle::StallAt(at) if self.passed == at => return Poll::Pending,
            Mangle::SplitAt(at) if self.passed == at && !self.split => {
                self.split = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => {}
        }
        ready!(self.poll_came(cx))?;
        let n = self.allowed().min(self.came.len()).min(buf.remaining());
        buf.put_slice(&self.came[..n]);
        self.came.advance(n);
        self.passed += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MangledStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
