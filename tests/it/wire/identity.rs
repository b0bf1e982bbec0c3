//! Additions of a client to its requests: the user agent, headers, keys to detach.

use engine_api::ErrorKind;
use engine_api::containers::AttachContainer;
use engine_api::exec::CreateExec;
use fake_engine::scripted::{ScriptedEngine, reply};

use crate::support::{fails, healthy, pong};

#[tokio::test]
async fn every_request_has_the_headers_of_the_client() {
    let engine = healthy();
    let docker = engine.client().with_user_agent("tool/1.2").unwrap();
    let docker = docker.with_header("X-Meta", "value").unwrap();
    docker.system().ping().await.unwrap();
    docker.raw("GET", "/info").send().await.unwrap();
    // A negotiation is a request, too.
    engine
        .docker()
        .with_header("X-Meta", "value")
        .unwrap()
        .version()
        .await
        .unwrap();
    for request in engine.received() {
        assert_eq!(request.header("x-meta"), Some("value"), "{request:?}");
    }
    let agent = engine.received()[0].header("user-agent").unwrap().to_owned();
    assert!(agent.starts_with("tool/1.2 engine-api/"), "{agent}");
    engine.client().system().ping().await.unwrap();
    let plain = engine.received().pop().unwrap();
    assert!(plain.header("user-agent").unwrap().starts_with("engine-api/"));
    assert_eq!(plain.header("x-meta"), None);
}

#[tokio::test]
async fn raw_call_decides_its_own_headers() {
    let engine = healthy();
    let docker = engine.client().with_header("X-Meta", "value").unwrap();
    let call = docker
        .raw("GET", "/info")
        .header("User-Agent", "own")
        .header("Host", "h");
    call.header("x-meta", "own").send().await.unwrap();
    let request = engine.received().pop().unwrap();
    for (name, value) in [("user-agent", "own"), ("host", "h"), ("x-meta", "own")] {
        assert_eq!(request.header(name), Some(value));
    }
}

#[test]
fn header_that_the_client_decides_is_an_error() {
    let docker = healthy().client();
    for (name, value) in [
        ("Content-Length", "1"),
        ("Host", "x"),
        ("bad name", "x"),
        ("x", "hunter2\r\n"),
    ] {
        let error = fails(docker.clone().with_header(name, value), ErrorKind::InvalidInput);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    for agent in ["", " ", "a\nb"] {
        fails(docker.clone().with_user_agent(agent), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn keys_to_detach_are_those_of_the_call_or_the_client() {
    let engine = ScriptedEngine::answering(|request| match request.target.contains("/exec") {
        true => reply(201, &["Content-Type: application/json"], r#"{"Id":"e"}"#),
        false if request.target.contains("ping") => pong(request),
        false => reply(
            409,
            &["Content-Type: application/json"],
            r#"{"message":"not running"}"#,
        ),
    });
    let docker = engine.client().with_detach_keys("ctrl-x");
    let attach = |detach_keys: &str, stdin| AttachContainer {
        detach_keys: detach_keys.into(),
        stdin,
        ..AttachContainer::default()
    };
    for (keys, stdin, sent) in [
        ("", true, Some("detachKeys=ctrl-x")),
        ("ctrl-y", true, Some("detachKeys=ctrl-y")),
        ("", false, None),
    ] {
        drop(docker.containers().attach("c", attach(keys, stdin)).await);
        let targets = engine.received();
        let target = &targets
            .iter()
            .rfind(|request| request.target.contains("/attach"))
            .unwrap()
            .target;
        match sent {
            Some(sent) => assert!(target.contains(sent), "{target}"),
            None => assert!(!target.contains("detachKeys"), "{target}"),
        }
    }
    let exec = CreateExec {
        cmd: ["sh"].into(),
        attach_stdin: true,
        ..CreateExec::default()
    };
    docker.execs().create("c", exec).await.unwrap();
    let body = engine.received().pop().unwrap().body;
    assert!(String::from_utf8_lossy(&body).contains(r#""DetachKeys":"ctrl-x""#));
}
