//! The report of each call: its end, its status, its attempts and its bytes.

use std::sync::{Arc, Mutex};

use engine_api::observe::CallReport;
use engine_api::{Docker, ErrorKind, Upload};
use fake_engine::scripted::{ScriptedEngine, chunked, reply};

use crate::support::healthy;

/// The part of a report that does not depend on the time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    operation: &'static str,
    subject: Option<String>,
    request: String,
    status: Option<u16>,
    error: Option<ErrorKind>,
    complete: bool,
    attempts: u32,
    sent: u64,
    received: u64,
}

fn observed(docker: Docker) -> (Docker, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    let all = Arc::clone(&seen);
    let docker = docker.with_observer(move |call: &CallReport<'_>| {
        assert!(call.head.is_none_or(|head| head <= call.duration));
        all.lock().unwrap().push(Seen {
            operation: call.operation,
            subject: call.subject.map(str::to_owned),
            request: format!("{} {}", call.method, call.path),
            status: call.status,
            error: call.error,
            complete: call.complete,
            attempts: call.attempts,
            sent: call.sent,
            received: call.received,
        });
    });
    (docker, seen)
}

/// The reply to a request for a container.
const MISSING: &str = r#"{"message":"no such container"}"#;

fn ok() -> Seen {
    Seen {
        operation: "raw call",
        subject: Some("/things".into()),
        request: "POST /things".into(),
        status: Some(200),
        error: None,
        complete: true,
        attempts: 1,
        sent: 0,
        received: 2,
    }
}

#[tokio::test]
async fn report_has_the_operation_the_status_and_the_bytes() {
    let engine = ScriptedEngine::answering(|request| match request.target.contains("/json") {
        true => reply(404, &["Content-Type: application/json"], MISSING),
        false => reply(200, &[], "OK"),
    });
    let (docker, seen) = observed(engine.client());
    docker
        .containers()
        .inspect("web", Default::default())
        .await
        .unwrap_err();
    let call = docker.raw("POST", "/things?token=hunter2").json("{\"a\":1}");
    call.send().await.unwrap().body.collect().await.unwrap();
    let pieces = Upload::reader(std::io::Cursor::new(vec![0; 100_000]));
    let call = docker.raw("POST", "/things").body(pieces, "application/x-tar");
    call.send().await.unwrap().body.collect().await.unwrap();
    let missing = Seen {
        operation: "ContainerInspect",
        subject: Some("web".into()),
        request: "GET /containers/{id}/json".into(),
        status: Some(404),
        error: Some(ErrorKind::Api),
        received: MISSING.len() as u64,
        ..ok()
    };
    let json = Seen { sent: 7, ..ok() };
    let upload = Seen {
        sent: 100_000,
        ..ok()
    };
    assert_eq!(*seen.lock().unwrap(), [missing, json, upload]);
}

#[tokio::test]
async fn report_comes_at_the_end_of_the_stream() {
    let engine = ScriptedEngine::answering(|_| chunked(&[], ["one", "two"]));
    let (docker, seen) = observed(engine.client());
    let mut body = docker.raw("POST", "/things").send().await.unwrap().body;
    body.next().await.unwrap().unwrap();
    assert!(seen.lock().unwrap().is_empty());
    while body.next().await.is_some() {}
    assert_eq!(*seen.lock().unwrap(), [Seen { received: 6, ..ok() }]);
    // A dropped stream is not an error.
    drop(docker.raw("POST", "/things").send().await.unwrap());
    let dropped = Seen {
        complete: false,
        received: 0,
        ..ok()
    };
    assert_eq!(seen.lock().unwrap()[1], dropped);
}

#[tokio::test]
async fn report_counts_attempts_and_negotiation_is_a_call() {
    let engine = healthy();
    let (docker, seen) = observed(engine.docker());
    docker.version().await.unwrap();
    let negotiation = seen.lock().unwrap().remove(0);
    assert_eq!(
        (negotiation.operation, negotiation.attempts),
        ("SystemPingHead", 1)
    );
    // The engine closes each connection after its reply, without announcing that.
    let engine = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(reply(200, &[], "OK")).await
    });
    let (docker, seen) = observed(engine.client());
    for _ in 0..2 {
        docker
            .raw("GET", "/things")
            .send()
            .await
            .unwrap()
            .body
            .collect()
            .await
            .unwrap();
        tokio::task::yield_now().await;
    }
    let attempts: Vec<u32> = seen.lock().unwrap().iter().map(|seen| seen.attempts).collect();
    assert!(attempts == [1, 2] || attempts == [1, 1], "{attempts:?}");
    // A call that is rejected before it is sent has no attempt.
    docker
        .containers()
        .inspect("", Default::default())
        .await
        .unwrap_err();
    let rejected = seen.lock().unwrap().pop().unwrap();
    assert_eq!(
        (rejected.attempts, rejected.error),
        (0, Some(ErrorKind::InvalidInput))
    );
}

#[tokio::test]
async fn report_has_the_error_of_a_lost_connection() {
    let engine = ScriptedEngine::new(|mut peer| async move { peer.request().await.map(drop) });
    let (docker, seen) = observed(engine.docker());
    docker.version().await.unwrap_err();
    let negotiation = seen.lock().unwrap().remove(0);
    let (operation, error) = (negotiation.operation, negotiation.error);
    assert_eq!(
        (operation, error),
        ("SystemPingHead", Some(ErrorKind::Disconnected))
    );
    let engine = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
            .await
    });
    let (docker, seen) = observed(engine.client());
    let body = docker.raw("POST", "/things").send().await.unwrap().body;
    let error = body.collect().await.unwrap_err();
    let cut = Seen {
        error: Some(error.kind()),
        complete: false,
        received: 4,
        ..ok()
    };
    assert_eq!(*seen.lock().unwrap(), [cut]);
}
