//! Connections that fail, and replies with unusual parts.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::error::ErrorKind;
use crate::wire::canned::Canned;

#[tokio::test]
async fn trailers_of_a_reply_are_skipped() {
    let reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n\
                 2\r\nOK\r\n0\r\nx: y\r\n\r\n";
    let docker = Canned::new(reply).docker();
    let reply = docker.raw("GET", "/x").send().await.unwrap();
    assert_eq!(reply.body.collect().await.unwrap(), "OK");
}

#[tokio::test]
async fn error_of_the_system_is_found_behind_hyper() {
    let docker = Canned::broken(io::ErrorKind::TimedOut).docker();
    let reply = docker.raw("GET", "/x").send().await.unwrap();
    let error = reply.body.collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(error.io_kind(), Some(io::ErrorKind::TimedOut));
}

#[tokio::test]
async fn failed_write_is_an_error_unless_a_reply_arrives() {
    let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (kind, reply, status) in [
        (io::ErrorKind::BrokenPipe, refusal, Some(400)),
        (io::ErrorKind::ConnectionReset, "", None),
        (io::ErrorKind::TimedOut, refusal, None),
    ] {
        let engine = Canned {
            write: Some(kind),
            ..Canned::new(reply)
        };
        let docker = engine.docker();
        let sent = docker.raw("POST", "/x").json("{}").send().await;
        match status {
            Some(status) => assert_eq!(sent.unwrap().status, status),
            None => assert_eq!(sent.unwrap_err().kind(), ErrorKind::Disconnected, "{kind}"),
        }
    }
}

#[tokio::test]
async fn counting_stream_closes_the_stream_below() {
    let engine = Canned {
        write: Some(io::ErrorKind::TimedOut),
        ..Canned::new("")
    };
    let mut counting = CountingStream {
        stream: engine.connect().await.unwrap(),
        received: Arc::default(),
        broken: None,
    };
    let error = counting.shutdown().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn connection_that_has_ended_has_nothing_to_drive() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(matches!(poll_driver(&mut None, &mut cx), Poll::Ready(Ok(()))));
}
