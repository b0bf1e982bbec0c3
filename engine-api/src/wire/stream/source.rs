//! The source of a stream's bytes: the body of a reply, or an upgraded connection.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, ReadHalf};

use crate::connect::BoxStream;
use crate::error::Cause;
use crate::wire::reply::ReplyBody;
use crate::wire::timer::Timer;

/// How much is read from a connection at a time.
const READ: usize = 64 * 1024;

/// With less room than this left, a read gets a new buffer.
const LEAST: usize = 8 * 1024;

/// Bytes piece by piece, as the other end sends them.
pub(crate) enum Source {
    Body(Box<ReplyBody>),
    Connection(Box<Connection>),
    /// Read to its end, or broken.
    Done,
}

/// The read half of a connection that has been taken over.
pub(crate) struct Connection {
    half: ReadHalf<BoxStream>,
    /// The bytes that came with the head of the reply; they are the first ones of the stream.
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

    /// The next piece, never empty; `None` at the end, and from then on.
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
            // Takes the old buffer back when all its pieces have been dropped.
            self.room.reserve(READ);
        }
        // Unlike a `ReadBuf` made here, `read_buf` needs no zeros to read over.
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
