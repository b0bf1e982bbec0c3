//! Calls from programs without an async runtime.

use engine_api::blocking::{iter, wait};
use engine_api::{Docker, ErrorKind};
use fake_engine::scripted::{ScriptedEngine, Socket, chunked};

use crate::support::{fails, healthy, pong};

/// An engine that a runtime of its own serves, and a client.
fn served(engine: &ScriptedEngine) -> (tokio::runtime::Runtime, Socket, Docker) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let socket = {
        let _inside = runtime.enter();
        engine.on_tcp().unwrap()
    };
    let docker = socket.client();
    (runtime, socket, docker)
}

#[test]
fn calls_of_a_thread_share_a_connection() {
    let engine = healthy();
    let (_runtime, _socket, docker) = served(&engine);
    for _ in 0..3 {
        wait(docker.system().ping()).unwrap();
    }
    assert_eq!(engine.counts().opened, 1);
    std::thread::spawn(move || wait(docker.system().ping()).unwrap())
        .join()
        .unwrap();
    assert_eq!(engine.counts().opened, 2);
}

#[test]
fn stream_is_an_iterator() {
    let engine = ScriptedEngine::answering(|request| match request.target.contains("ping") {
        true => pong(request),
        false => chunked(
            &["Content-Type: application/json"],
            ["{\"Type\":\"a\"}\n", "{\"Type\":\"b\"}\n"],
        ),
    });
    let (_runtime, _socket, docker) = served(&engine);
    let events = wait(docker.system().events(Default::default())).unwrap();
    let kinds: Vec<String> = iter(events)
        .map(|event| event.unwrap().kind.to_string())
        .collect();
    assert_eq!(kinds, ["a", "b"]);
}

#[tokio::test]
async fn blocking_call_in_a_runtime_is_an_error() {
    fails(wait(healthy().client().system().ping()), ErrorKind::InvalidInput);
}
