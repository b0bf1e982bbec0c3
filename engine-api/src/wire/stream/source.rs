//! The source of a stream's bytes: the body of a reply, or an upgraded connection.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, ReadHalf};

use crate::connect::BoxStream;
use crate::error::Cause;
use crate::wire::reply::ReplyBody;
use crate::wire::timer::Timer;

/// The size of one read from a connection.
const READ: usize = 64 * 1024;

/// If less space than this is left, a read gets a new buffer.
const LEAST: usize = 8 * 1024;

/// Bytes in pieces, as they arrive.
pub(crate) enum Source {
    Body(Box<ReplyBody>),
    Connection(Box<Connection>),
    /// Read to its end, or failed.
    Done,
}

/// The read half of a hijacked connection.
pub(crate) struct Connection {
    half: ReadHalf<BoxStream>,
    /// The bytes that arrived with the head of the reply: the first bytes of the stream.
    first: Bytes,
    room: BytesMut,
    idle: Timer,
    total: Timer,
}

impl Source {
    pub(crate) fn connection(half: ReadHalf<BoxStream>, first: Bytes, idle: Timer, total: Timer) -> Self {
        Self::Connection(Box::new(Connection {
            half,
            first,
            room: BytesMut::new(),
            idle,
            total,
        }))
    }

    /// The next piece, never empty; `None` at the end and after it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cause>>> {
        let piece = match self {
            Self::Body(body) => ready!(body.poll_next(cx)),
            Self::Connection(connection) => ready!(connection.poll_next(cx)),
            Self::Done => None,
        };
        if !matches!(piece, Some(Ok(_))) {
            *self = Self::Done;
        }
        Poll::Ready(piece)
    }
}

impl Connection {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cause>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        if self.room.capacity() < LEAST {
            // Reuses the old buffer after all its pieces have been dropped.
            self.room.reserve(READ);
        }
        // Unlike a `ReadBuf`, `read_buf` needs no initialised memory.
        let read = match pin!(self.half.read_buf(&mut self.room)).poll(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(None),
            Poll::Ready(Ok(read)) => read,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(Cause::Io(error)))),
            Poll::Pending => {
                return match (self.idle.poll(cx), self.total.poll(cx)) {
                    (Poll::Ready(cause), _) | (_, Poll::Ready(cause)) => Poll::Ready(Some(Err(cause))),
                    _ => Poll::Pending,
                };
            }
        };
        if let Err(cause) = self.total.check() {
            return Poll::Ready(Some(Err(cause)));
        }
        self.idle.restart();
        Poll::Ready(Some(Ok(self.room.split_to(read).freeze())))
    }
}
