//! A connection over the messages of a call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::task::JoinSet;

use super::super::protobuf::Message;
use super::grpc::{Incoming, bytes, put, send};
use crate::connect::BoxStream;

/// The maximum number of buffered bytes between the connection and the call.
const BUFFER: usize = 64 << 10;

/// The connection over the messages of a call. `tasks` end with it.
pub(super) fn tunnel(mut tasks: JoinSet<()>, incoming: Incoming, outgoing: SendStream<Bytes>) -> BoxStream {
    let (stream, other) = tokio::io::duplex(BUFFER);
    let (read, write) = tokio::io::split(other);
    tasks.spawn(write_messages(read, outgoing));
    tasks.spawn(read_messages(incoming, write));
    Box::new(Tunnel {
        stream,
        _tasks: tasks,
    })
}

/// Sends the data of the session, then ends the call.
async fn write_messages(mut read: ReadHalf<DuplexStream>, mut outgoing: SendStream<Bytes>) {
    let mut buffer = BytesMut::with_capacity(BUFFER);
    while let Ok(1..) = read.read_buf(&mut buffer).await {
        let mut frame = BytesMut::new();
        put(&mut frame, &Message::default().bytes(1, &buffer).into_bytes());
        buffer.clear();
        if send(&mut outgoing, frame.freeze()).await.is_err() {
            return;
        }
    }
    // The engine may have ended the call before.
    drop(outgoing.send_data(Bytes::new(), true));
}

/// Passes the data of the engine to the session.
async fn read_messages(mut incoming: Incoming, mut write: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = incoming.message().await {
        let Ok(piece) = bytes(&message, 1) else {
            break;
        };
        if write.write_all(piece).await.is_err() {
            return;
        }
    }
    // If this fails, the session has already ended.
    drop(write.shutdown().await);
}

struct Tunnel {
    stream: DuplexStream,
    _tasks: JoinSet<()>,
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
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
