//! Sessions that a gRPC call opens.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::super::control::Control;
use super::super::grpc::{Incoming, LONGEST_ANSWER, bytes, put};
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
    let (ours, mut theirs) = tokio::io::duplex(16 << 10);
    theirs
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    drop(theirs);
    assert!(!refused(Box::new(ours)).await.is_empty());

    for (status, grpc, expected) in [(200, "12", "gRPC status 12"), (503, "0", "status 503")] {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        let engine = tokio::spawn(async move {
            let mut connection = h2::server::handshake(theirs).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let refusal = http::Response::builder()
                    .status(status)
                    .header("grpc-status", grpc);
                respond.send_response(refusal.body(()).unwrap(), true).unwrap();
            }
        });
        assert_eq!(refused(Box::new(ours)).await, expected);
        engine.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn silent_engine_is_not_awaited_for_ever() {
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let engine = tokio::spawn(async move {
        let mut connection = h2::server::handshake(theirs).await.unwrap();
        let call = connection.accept().await.unwrap().unwrap();
        while connection.accept().await.is_some() {}
        drop(call);
    });
    let control = Control::over(Box::new(ours)).await.unwrap();
    let limit = Some(std::time::Duration::from_secs(30));
    let opened = control.session(&OpenSession::default(), limit).await;
    assert_eq!(opened.err().unwrap(), "the engine does not answer");
    engine.await.unwrap();
}

/// The session's stream, and the engine's side of its call.
async fn opened() -> (BoxStream, Incoming, h2::SendStream<Bytes>) {
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    let engine = tokio::spawn(async move {
        let mut connection = h2::server::handshake(theirs).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let outgoing = respond.send_response(http::Response::new(()), false).unwrap();
        (Incoming::new(request.into_body(), LONGEST_ANSWER), outgoing)
    });
    let control = Control::over(Box::new(ours)).await.unwrap();
    let stream = control.session(&OpenSession::default(), None).await.unwrap();
    let (incoming, outgoing) = engine.await.unwrap();
    (stream, incoming, outgoing)
}

#[tokio::test]
async fn stream_that_is_closed_ends_the_call() {
    let (mut stream, mut incoming, _outgoing) = opened().await;
    stream.write_all(b"data").await.unwrap();
    stream.shutdown().await.unwrap();
    let message = incoming.message().await.unwrap().unwrap();
    assert_eq!(bytes(&message, 1).unwrap(), b"data");
    assert_eq!(incoming.message().await.unwrap(), None);
}

#[tokio::test]
async fn call_that_the_engine_ends_closes_the_stream() {
    // An invalid message, and a reset.
    for is_reset in [false, true] {
        let (mut stream, _incoming, mut outgoing) = opened().await;
        match is_reset {
            false => {
                let mut frame = BytesMut::new();
                put(&mut frame, b"\x0a\xff");
                outgoing.send_data(frame.freeze(), false).unwrap();
            }
            true => outgoing.send_reset(h2::Reason::CANCEL),
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        if is_reset {
            while stream.write_all(b"data").await.is_ok() {}
        }
    }
}
