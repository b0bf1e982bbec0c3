//! A session through gRPC on the engine's own address: `moby.buildkit.v1.Control/Session`.
//!
//! The bytes of the session's connection travel in the messages of one call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderValue, Request, StatusCode};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::task::JoinSet;

use super::super::protobuf::Message;
use super::grpc::{Incoming, MEDIA_TYPE, bytes, put, send, status_of};
use crate::connect::BoxStream;
use crate::sessions::OpenSession;

const URI: &str = "http://localhost/moby.buildkit.v1.Control/Session";

/// The bytes that wait between the session and the call.
const BUFFER: usize = 64 << 10;

/// Begins the call on a connection to the engine. Returns the session's connection; with it ends
/// the call. An error is why the engine does not serve it.
pub(super) async fn open(stream: BoxStream, session: &OpenSession) -> Result<BoxStream, String> {
    let text = |error: h2::Error| error.to_string();
    let (client, connection) = h2::client::handshake(stream).await.map_err(text)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        // The call has its errors, too.
        drop(connection.await);
    });
    let mut client = client.ready().await.map_err(text)?;
    let (response, outgoing) = client.send_request(request(session)?, false).map_err(text)?;
    // The engine answers when it has begun to use the session.
    let response = response.await.map_err(text)?;
    if response.status() != StatusCode::OK {
        return Err(format!("status {}", response.status().as_u16()));
    }
    if response.headers().contains_key("grpc-status") {
        status_of(response.headers())?;
    }
    Ok(tunnel(tasks, Incoming::new(response.into_body()), outgoing))
}

fn request(session: &OpenSession) -> Result<Request<()>, String> {
    let mut request = Request::post(URI)
        .header(CONTENT_TYPE, MEDIA_TYPE)
        .header(TE, HeaderValue::from_static("trailers"));
    for (name, value) in session.headers() {
        request = request.header(name, value);
    }
    request.body(()).map_err(|error| error.to_string())
}

/// The connection whose bytes are in the messages of a call. `tasks` end with it.
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

/// Sends what the session writes, and ends the call after it.
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

/// Hands what the engine sends to the session.
async fn read_messages(mut incoming: Incoming, mut write: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = incoming.message().await {
        let Ok(piece) = bytes(&message, 1) else {
            break;
        };
        if write.write_all(piece).await.is_err() {
            return;
        }
    }
    // The session has ended if it does not take the end.
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
