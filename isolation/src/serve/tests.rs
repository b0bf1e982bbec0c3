#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

use std::any::Any;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::answers::object;
use super::*;
use crate::BoxFuture;
use crate::engine::capabilities::{Capabilities, IsolationLevel};
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::engine::watch::{Reports, Watching};
use crate::engine::{Engine, NewEnvironment, Opened, Probe};
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind};
use crate::events::{EventKind, EventSink, Subject};
use crate::protocol::call::{Call, JournalKeeper, Nothing};

/// An engine without environments, which reports nothing, and has a fault.
#[derive(Debug)]
struct Faulty;

impl Engine for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let capabilities = Capabilities::new(IsolationLevel::Process);
        Box::pin(std::future::ready(Probe::available("always", capabilities)))
    }

    fn create<'a>(&'a self, _: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async { panic!("a fault of the engine") })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let error = Error::not_found(id.as_str());
        Box::pin(std::future::ready(Err(error)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(async { panic!("a fault of the engine") })
    }

    fn watch(&self, _: Reports) -> BoxFuture<'_, Result<Watching>> {
        let watching = Watching::new(tokio::spawn(std::future::pending()));
        Box::pin(std::future::ready(Ok(watching)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Faulty).unwrap();
    registry
}

fn options() -> ServeOptions {
    let manager = ManagerOptions {
        journal: false,
        ..ManagerOptions::default()
    };
    ServeOptions {
        manager,
        ..ServeOptions::default()
    }
}

/// The answers that are sent during work.
async fn answers(work: impl AsyncFnOnce(Answers) -> Result<()>) -> Vec<Value> {
    let (answers, mut queue): (Answers, mpsc::Receiver<Bytes>) = Answers::new();
    let read = async {
        let mut lines = Vec::new();
        while let Some(line) = queue.recv().await {
            lines.push(serde_json::from_slice(&line).unwrap());
        }
        lines
    };
    let (done, lines) = tokio::join!(work(answers), read);
    done.unwrap();
    lines
}

#[tokio::test]
async fn call_of_another_group_is_not_a_request() {
    let session = session::Session::new(registry(), &options(), JournalKeeper::Server);
    let call = || Call::Engines(Nothing {});
    for outcome in [
        Box::pin(packages::run(&session, call())).await,
        Box::pin(environments::run(&session, call())).await,
        #[cfg(unix)]
        Box::pin(snapshots::run(&session, call())).await,
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(error.to_string(), "this is not a request");
    }
}

#[test]
fn result_that_is_no_object_is_an_error() {
    assert_eq!(object(&json!({"a": 1})).unwrap()["a"], 1);
    let error = object(&"text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert_eq!(error.to_string(), "the result is not an object");
    // The keys of an object are texts.
    let error = object(&BTreeMap::from([(vec![1], 1)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(format!("{error:?}").contains("key must be a string"), "{error:?}");
}

#[tokio::test]
async fn error_that_is_too_long_is_replaced() {
    let long = Error::new(ErrorKind::Io, "x".repeat(1 << 20));
    let lines = answers(async |answers| answers.fail(Some(7), &long).await).await;
    assert_eq!((lines.len(), &lines[0]["id"]), (1, &json!(7)));
    let error = &lines[0]["error"];
    assert_eq!(error["kind"], "invalid_input");
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("and a line at most"), "{text:.200}");
}

#[tokio::test]
async fn events_that_a_client_misses_are_counted() {
    const MISSED: u64 = 10;
    let sink = EventSink::default();
    let subscription = sink.subscribe();
    let kept = 1024;
    for _ in 0..kept + MISSED {
        let engine = "faulty".to_owned();
        sink.emit(Subject::Engine { engine }, EventKind::Chosen);
    }
    // The last event comes before the end.
    drop(sink);
    let lines = answers(async |answers| {
        let ended = stream::events(subscription, 7, &answers).await?;
        assert!(ended.is_empty());
        Ok(())
    });
    let lines = lines.await;
    assert_eq!(
        lines[..2],
        [
            json!({"id": 7, "started": true}),
            json!({"id": 7, "missed": MISSED})
        ]
    );
    assert_eq!(lines.len() as u64, 2 + kept);
    assert_eq!(lines[2]["event"]["sequence"], MISSED);
}

#[tokio::test]
async fn reports_of_an_engine_without_any_end() {
    let lines = answers(async |answers| {
        let ended = stream::reports(&Faulty, 7, &answers).await?;
        assert!(ended.is_empty());
        Ok(())
    });
    assert_eq!(lines.await, [json!({"id": 7, "started": true})]);
}

#[tokio::test]
async fn panic_of_an_engine_ends_the_connection() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(server);
    let serving = tokio::spawn(serve(registry(), options(), input, output));
    let (mut from, mut to) = tokio::io::split(client);
    let lines = b"{\"id\":1,\"method\":\"hello\",\"params\":{\"versions\":[1]}}\n\
        {\"id\":2,\"method\":\"list\",\"params\":{\"engine\":\"faulty\"}}\n";
    to.write_all(lines).await.unwrap();
    let error = serving.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::Engine, Some("serve the client"))
    );
    assert!(format!("{error:?}").contains("panicked"), "{error:?}");
    let mut text = String::new();
    from.read_to_string(&mut text).await.unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(
        last["id"].is_null() && last["error"]["kind"] == "engine",
        "{text}"
    );
}

/// The answers do not fit into what the client has not read.
#[tokio::test(start_paused = true)]
async fn client_that_never_reads_does_not_hold_the_end() {
    let (client, server) = tokio::io::duplex(1 << 10);
    let (input, output) = tokio::io::split(server);
    let serving = tokio::spawn(serve(registry(), options(), input, output));
    let (from, mut to) = tokio::io::split(client);
    to.write_all(b"{\"id\":1,\"method\":\"hello\",\"params\":{\"versions\":[1]}}\n")
        .await
        .unwrap();
    for id in 2..10 {
        let line = format!("{{\"id\":{id},\"method\":\"engines\",\"params\":{{}}}}\n");
        to.write_all(line.as_bytes()).await.unwrap();
    }
    // The answers to these are sent before the input ends.
    tokio::time::sleep(Duration::from_secs(1)).await;
    to.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    drop(from);
}

#[tokio::test]
async fn client_that_says_nothing_is_served() {
    let (client, server) = tokio::io::duplex(1 << 10);
    let (input, output) = tokio::io::split(server);
    drop(client);
    serve(registry(), options(), input, output).await.unwrap();
}

/// The task of an answered request may end later than the client reads the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn id_of_an_answered_request_is_free_again() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(server);
    let serving = tokio::spawn(serve(registry(), options(), input, output));
    let (from, mut to) = tokio::io::split(client);
    let mut lines = BufReader::new(from).lines();
    to.write_all(b"{\"id\":1,\"method\":\"hello\",\"params\":{\"versions\":[1]}}\n")
        .await
        .unwrap();
    assert!(lines.next_line().await.unwrap().is_some());
    for _ in 0..500 {
        to.write_all(b"{\"id\":2,\"method\":\"probe\",\"params\":{\"engine\":\"faulty\"}}\n")
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert!(answer["id"] == 2 && answer["result"].is_object(), "{answer}");
    }
    to.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn line_that_is_too_long_is_named() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(server);
    let serving = tokio::spawn(serve(registry(), options(), input, output));
    let (_from, mut to) = tokio::io::split(client);
    // The server stops reading before the end.
    let _ = to.write_all(&vec![b'x'; 2 << 20]).await;
    let error = serving.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "cannot serve the client: a line is longer than 1048576 bytes"
    );
}

/// A client whose connection breaks.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test]
async fn input_that_cannot_be_read_ends_the_connection() {
    let served = serve(registry(), options(), Broken, tokio::io::sink()).await;
    let error = served.unwrap_err();
    assert_eq!(error.operation(), Some("serve the client"));
    let text = error.to_string();
    assert!(
        text.contains("its requests cannot be read") && text.contains("reset"),
        "{text}"
    );
}
