//! Sessions that a gRPC call opens.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::super::control::Control;
use super::super::grpc::{Incoming, LONGEST_ANSWER};
use super::super::server::Serving;
use super::super::tunnel::tunnel;
use super::{Engine, Offer};
use crate::connect::BoxStream;
use crate::sessions::OpenSession;

/// An engine with gRPC on its own address: it opens the session of the first call, and checks its
/// health.
async fn direct_engine(stream: BoxStream) -> Bytes {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    assert_eq!(request.uri().path(), "/moby.buildkit.v1.Control/Session");
    assert_eq!(request.headers()["x-docker-expose-session-uuid"], "1");
    let outgoing = respond.send_response(http::Response::new(()), false).unwrap();
    let tunnel = tunnel(
        JoinSet::new(),
        Incoming::new(request.into_body(), LONGEST_ANSWER),
        outgoing,
    );
    let mut engine = Engine::over(tunnel, None).await;
    engine.call("/grpc.health.v1.Health/Check", b"").await.unwrap()
}

#[tokio::test]
async fn session_is_opened_by_a_call_of_grpc() {
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let engine = tokio::spawn(direct_engine(Box::new(theirs)));
    let open = OpenSession {
        id: "1".into(),
        ..Default::default()
    };
    let stream = Control::over(Box::new(ours))
        .await
        .unwrap()
        .session(&open, None)
        .await
        .unwrap();
    let _serving = Serving::start(stream, Offer::default().services().await);
    assert_eq!(engine.await.unwrap(), &b"\x08\x01"[..]);
}

async fn refused(stream: BoxStream) -> String {
    let session = match Control::over(stream).await {
        Ok(control) => control.session(&OpenSession::default(), None).await,
        Err(error) => Err(error),
    };
    session.err().unwrap()
}

#[tokio::test]
async fn engine_without_grpc_is_an_error() {
    use tokio::io::AsyncWriteExt;
    let (ours, mut theirs) = tokio::io::duplex(16 << 10);
    theirs
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    drop(theirs);
    assert!(!refused(Box::new(ours)).await.is_empty());

    let (ours, theirs) = tokio::io::duplex(16 << 10);
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(theirs).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let refusal = http::Response::builder().header("grpc-status", "12");
            respond.send_response(refusal.body(()).unwrap(), true).unwrap();
        }
    });
    let error = refused(Box::new(ours)).await;
    assert_eq!(error, "gRPC status 12");
}
