//! Archives sent to an engine that may reply before it has read them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use engine_api::connect::{BoxStream, Connecting, Connector};
use engine_api::{Docker, ErrorKind, Result, Upload, Version};
use fake_engine::scripted::{JSON, Peer, ScriptedEngine, reply};
use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{fails, healthy};

/// Pieces of 10 kB: a limited number and then perhaps an error, or without end by default.
struct Pieces {
    left: usize,
    error: Option<io::Error>,
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(self.error.take().map(Err));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'x'; 10_000]))))
    }
}

async fn upload(docker: &Docker, left: usize, error: Option<io::Error>) -> Result<()> {
    let archive = Upload::stream(Pieces { left, error });
    docker
        .containers()
        .upload("web", "/srv", archive, Default::default())
        .await
}

async fn reject(peer: &mut Peer) -> io::Result<()> {
    peer.head().await?;
    peer.write(reply(400, &[JSON], r#"{"message":"not a directory"}"#))
        .await
}

/// An engine that rejects the request before it has read the archive, and closes the connection.
fn hasty() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move { reject(&mut peer).await })
}

/// An engine that rejects the request before it has read the archive, and stops reading.
fn deaf() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        reject(&mut peer).await?;
        std::future::pending().await
    })
}

/// An engine that rejects the request, and reads until the client stops.
fn polite() -> ScriptedEngine {
    ScriptedEngine::new(|mut peer| async move {
        reject(&mut peer).await?;
        peer.until_gone().await
    })
}

async fn is_refused(docker: &Docker) {
    let error = fails(upload(docker, usize::MAX, None).await, ErrorKind::Api);
    assert_eq!(
        (error.status(), error.message()),
        (Some(400), Some("not a directory"))
    );
}

#[tokio::test(start_paused = true)]
async fn early_reply_ends_the_upload() {
    for fake in [hasty(), deaf(), polite()] {
        is_refused(&fake.client()).await;
    }
}

#[tokio::test]
async fn early_reply_ends_the_upload_on_a_socket() {
    for socket in [ScriptedEngine::on_unix, ScriptedEngine::on_tcp] {
        for fake in [hasty(), deaf(), polite()] {
            let socket = socket(&fake).unwrap();
            for _ in 0..50 {
                is_refused(&socket.client()).await;
            }
        }
    }
}

/// A stream from an engine that closes after a rejection. The client notices that in a write before
/// it notices it in a read.
struct HungUp {
    refusal: &'static [u8],
    noticed: bool,
}

impl AsyncWrite for HungUp {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.noticed = true;
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for HungUp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.noticed {
            return Poll::Pending;
        }
        buf.put_slice(std::mem::take(&mut self.refusal));
        Poll::Ready(Ok(()))
    }
}

/// A connector to such an engine.
#[derive(Debug)]
struct HangsUp(&'static [u8]);

impl Connector for HangsUp {
    fn connect(&self) -> Connecting<'_> {
        let stream = HungUp {
            refusal: self.0,
            noticed: false,
        };
        Box::pin(async { Ok(Box::new(stream) as BoxStream) })
    }
    fn address(&self) -> String {
        "test://hangs-up".into()
    }
}

async fn refused_by(refusal: &'static [u8]) -> Result<()> {
    let docker = Docker::with_connector(HangsUp(refusal)).with_version(Version::OLDEST);
    upload(&docker, usize::MAX, None).await
}

#[tokio::test(start_paused = true)]
async fn reply_is_read_even_after_a_failed_write() {
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno";
    let error = fails(refused_by(refusal).await, ErrorKind::Api);
    assert_eq!(error.message(), Some("no"));
    let error = fails(refused_by(b"").await, ErrorKind::Disconnected);
    assert!(format!("{error:#}").contains("broken pipe"), "{error:#}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_arrives_whole_in_chunks() {
    let fake = healthy();
    upload(&fake.client(), 30, None).await.unwrap();
    let request = fake.received().remove(0);
    assert_eq!(request.target, "/v1.51/containers/web/archive?path=%2Fsrv");
    assert_eq!((request.method.as_str(), request.body.len()), ("PUT", 300_000));
    assert_eq!(request.header("content-type"), Some("application/x-tar"));
}

#[tokio::test(start_paused = true)]
async fn bytes_in_memory_are_sent_with_their_length() {
    let fake = healthy();
    let docker = fake.client();
    docker
        .containers()
        .upload("web", "/srv", "archive", Default::default())
        .await
        .unwrap();
    let request = fake.received().remove(0);
    assert_eq!(
        (request.header("content-length"), &request.body[..]),
        (Some("7"), &b"archive"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn unreadable_source_is_the_callers_error() {
    let fake = healthy();
    let broken = io::Error::new(io::ErrorKind::NotFound, "the disk is gone");
    let error = fails(
        upload(&fake.client(), 3, Some(broken)).await,
        ErrorKind::UploadSource,
    );
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound));
    // The last chunk was never sent, so the engine knows that the archive is incomplete.
    fake.until(|counts| counts.live == 0).await;
    assert!(fake.received().iter().all(|request| request.body.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn upload_fails_if_the_connection_is_lost() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.head().await?;
        peer.take(50_000).await.map(drop)
    });
    fails(
        upload(&fake.client(), usize::MAX, None).await,
        ErrorKind::Disconnected,
    );
    assert_eq!(fake.counts().requests, 1);
}

#[tokio::test]
async fn unrepeatable_upload_takes_a_fresh_connection() {
    let fake = healthy();
    let socket = fake.on_unix().unwrap();
    let docker = socket.client();
    docker.system().ping().await.unwrap();
    upload(&docker, 3, None).await.unwrap();
    assert_eq!(fake.counts().opened, 2);
}
