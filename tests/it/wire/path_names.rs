//! Names and paths that would change the path of a request.

use engine_api::containers::InspectContainer;
use engine_api::{Docker, ErrorKind, Result};
use fake_engine::scripted::{ScriptedEngine, ok};

use crate::support::{fails, healthy};

#[tokio::test(start_paused = true)]
async fn raw_path_is_sent_unchanged_or_rejected() {
    let fake = healthy();
    let docker = fake.client();
    docker
        .raw("get", "/containers/a%20b/json?all=1")
        .send()
        .await
        .unwrap();
    for path in [
        "",
        "containers/json",
        "/a b",
        "/a\r\nX: y",
        "/a\nb",
        "http://elsewhere/",
    ] {
        fails(docker.raw("GET", path).send().await, ErrorKind::InvalidInput);
    }
    assert_eq!(fake.requests(), ["GET /v1.51/containers/a%20b/json?all=1"]);
}

#[tokio::test(start_paused = true)]
async fn raw_header_and_method_reject_line_breaks() {
    let fake = healthy();
    let docker = fake.client();
    fails(
        docker.raw("GET /x HTTP/1.1\r\nX:", "/").send().await,
        ErrorKind::InvalidInput,
    );
    for (name, value) in [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("", "b"), ("X", "\0")] {
        let call = docker.raw("GET", "/info").header(name, value);
        fails(call.send().await, ErrorKind::InvalidInput);
    }
    assert_eq!(fake.counts().opened, 0);
}

#[tokio::test(start_paused = true)]
async fn every_request_has_host_and_user_agent() {
    let fake = healthy();
    fake.client().system().ping().await.unwrap();
    let head = fake.received().remove(0);
    assert_eq!(head.header("host"), Some("api.moby.localhost"));
    assert!(head.header("user-agent").unwrap().starts_with("engine-api/"));
}

#[tokio::test]
async fn over_tcp_the_host_is_the_address() {
    let fake = healthy();
    let socket = fake.on_tcp().unwrap();
    socket.client().system().ping().await.unwrap();
    let address = socket.client().address();
    assert_eq!(fake.received()[0].header("host"), address.strip_prefix("tcp://"));
}

async fn container(docker: &Docker, name: &str) -> Result<()> {
    let options = InspectContainer::default();
    docker.containers().inspect(name, options).await.map(drop)
}

async fn image(docker: &Docker, name: &str) -> Result<()> {
    docker.images().inspect(name, Default::default()).await.map(drop)
}

fn things() -> ScriptedEngine {
    ScriptedEngine::answering(|_| ok("{}"))
}

#[tokio::test(start_paused = true)]
async fn container_names_stay_one_path_segment() {
    let names = [
        ("web.1_a-b", "web.1_a-b"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("../images/json?all=1#", "..%2Fimages%2Fjson%3Fall=1%23"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a;b&c=d", "a;b&c=d"),
        ("grün", "gr%C3%BCn"),
        ("...", "..."),
    ];
    for (name, sent) in names {
        let fake = things();
        container(&fake.client(), name).await.unwrap();
        assert_eq!(fake.requests(), [format!("GET /v1.51/containers/{sent}/json")]);
    }
}

#[tokio::test(start_paused = true)]
async fn image_names_keep_only_their_slashes() {
    let names = [
        ("busybox", "busybox"),
        ("reg:5000/a/b:1.2@sha256:00", "reg:5000/a/b:1.2@sha256:00"),
        ("a/b?all=1", "a/b%3Fall=1"),
        ("a#b", "a%23b"),
    ];
    for (name, sent) in names {
        let fake = things();
        image(&fake.client(), name).await.unwrap();
        assert_eq!(fake.requests(), [format!("GET /v1.51/images/{sent}/json")]);
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_change_the_path_are_rejected() {
    let fake = things();
    // There is no version negotiation either.
    let docker = fake.docker();
    for name in ["", " ", "\n", ".", "..", "a\0", "a\r\nX: y", &"x".repeat(5000)] {
        fails(container(&docker, name).await, ErrorKind::InvalidInput);
    }
    for name in [
        "",
        "..",
        "../x",
        "a/../../containers",
        "a//b",
        "/a",
        "a/",
        "a/./b",
    ] {
        fails(image(&docker, name).await, ErrorKind::InvalidInput);
    }
    assert_eq!(fake.counts().opened, 0);
}
