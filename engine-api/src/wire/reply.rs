//! A reply: its head, and its body as a stream.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use hyper::body::Incoming;

use super::call_context::CallContext;
use super::conn::Conn;
use super::pool::Pool;
use super::timer::{Timer, within};
use super::watch::Watch;
use crate::error::{Cause, Error, Phase, Result};
use crate::reply_limits::ReplyLimits;

/// The head of a reply, the unread body, and the context for errors of the call.
pub(crate) struct Reply {
    pub(crate) head: Parts,
    pub(crate) body: ReplyBody,
    pub(crate) context: CallContext,
    pub(crate) limits: ReplyLimits,
}

impl Reply {
    /// A header as text; `None` if it is missing or not text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

/// A body that is being read. At its end the connection returns to the pool. If the body is dropped
/// before, the connection is closed.
pub(crate) struct ReplyBody {
    source: Option<(Box<Conn>, Incoming)>,
    pool: Arc<Pool>,
    idle: Timer,
    total: Timer,
    /// The report of the call, which ends with the body.
    watch: Option<Box<Watch>>,
}

impl ReplyBody {
    /// Reports the end of this body.
    pub(super) fn watch(&mut self, watch: Option<Box<Watch>>) {
        self.watch = watch;
    }

    pub(crate) fn new(
        conn: Box<Conn>,
        incoming: Incoming,
        pool: Arc<Pool>,
        idle: Timer,
        total: Timer,
    ) -> Self {
        Self {
            source: Some((conn, incoming)),
            pool,
            idle,
            total,
            watch: None,
        }
    }

    /// Stores in the report why the call failed.
    pub(super) fn failed(&mut self, error: &Error) {
        if let Some(watch) = &mut self.watch {
            watch.failed(error);
        }
    }

    /// Removes the connection after a `101`, with the timeouts that still apply.
    pub(crate) fn into_conn(mut self) -> (Option<Box<Conn>>, Timer, Timer) {
        if let Some(mut watch) = self.watch.take() {
            watch.complete();
        }
        (self.source.map(|(conn, _)| conn), self.idle, self.total)
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cause>>> {
        let Some((conn, incoming)) = &mut self.source else {
            return Poll::Ready(None);
        };
        let piece = match conn.poll_body(incoming, cx) {
            Poll::Ready(Some(Ok(piece))) => Some(self.total.check().map(|()| piece)),
            Poll::Ready(end) => end,
            Poll::Pending => match (self.idle.poll(cx), self.total.poll(cx)) {
                (Poll::Ready(cause), _) | (_, Poll::Ready(cause)) => Some(Err(cause)),
                _ => return Poll::Pending,
            },
        };
        match &piece {
            Some(Ok(piece)) => {
                self.idle.restart();
                if let Some(watch) = &mut self.watch {
                    watch.received(piece.len());
                }
            }
            Some(Err(cause)) => {
                self.source = None;
                if let Some(watch) = &mut self.watch {
                    watch.broken(cause);
                }
            }
            None => {
                if let Some(watch) = &mut self.watch {
                    watch.complete();
                }
                if let Some((conn, _)) = self.source.take() {
                    self.pool.keep(conn);
                }
            }
        }
        Poll::Ready(piece)
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Cause>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The whole body, up to `limit` bytes; a body in one piece is not copied.
    pub(crate) async fn collect(&mut self, announced: usize, limit: usize) -> Result<Bytes, Cause> {
        if announced > limit {
            return Err(Cause::long_json(limit));
        }
        let Some(first) = self.piece(0, limit).await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.piece(first.len(), limit).await? else {
            return Ok(first);
        };
        let room = room_for(announced, first.len() + second.len());
        let mut all = BytesMut::with_capacity(room);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.piece(all.len(), limit).await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// Reads and drops the rest of the body, up to `limit` bytes, so that the connection can be
    /// reused.
    pub(crate) async fn drain(&mut self, limit: usize) -> Result<(), Cause> {
        let mut read = 0;
        while let Some(piece) = self.piece(read, limit).await? {
            read += piece.len();
        }
        Ok(())
    }

    /// The next piece of a body; `read` bytes have already arrived.
    async fn piece(&mut self, read: usize, limit: usize) -> Result<Option<Bytes>, Cause> {
        let piece = self.next().await.transpose()?;
        match piece.as_ref().is_some_and(|piece| piece.len() > limit - read) {
            true => Err(Cause::long_json(limit)),
            false => Ok(piece),
        }
    }

    /// The start of the body: at most `most` bytes, and only those that arrive within `timeout`. An
    /// error ends it early.
    pub(crate) async fn start(&mut self, most: usize, timeout: Duration) -> Bytes {
        let mut start = BytesMut::new();
        let mut timer = Timer::start(Phase::Body, Some(timeout));
        while let Ok(Some(Ok(piece))) = within(pin!(self.next()), &mut [&mut timer]).await {
            start.extend_from_slice(&piece[..piece.len().min(most - start.len())]);
            if start.len() >= most {
                break;
            }
        }
        // If the body was not read to its end, the connection cannot be reused.
        self.source = None;
        start.freeze()
    }
}

/// The number of bytes to reserve for a body: the announced length up to 1 MiB, and at least the
/// bytes that have arrived.
fn room_for(announced: usize, come: usize) -> usize {
    announced.min(1 << 20).max(come)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_length_is_trusted_up_to_a_limit() {
        assert_eq!(room_for(0, 10), 10);
        assert_eq!(room_for(5000, 10), 5000);
        assert_eq!(room_for(usize::MAX, 10), 1 << 20);
        assert_eq!(room_for(0, 3 << 20), 3 << 20);
    }
}
