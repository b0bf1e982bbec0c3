//! Names and paths that would lead elsewhere (A28).

use engine_api::ErrorKind;

use crate::help::{fails, healthy};

#[tokio::test(start_paused = true)]
async fn a_raw_path_is_sent_as_it_is_or_refused() {
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
async fn a_raw_header_or_method_cannot_smuggle_another_line() {
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
async fn every_request_names_a_host_and_who_asks() {
    let fake = healthy();
    fake.client().system().ping().await.unwrap();
    let head = fake.asked().remove(0);
    assert_eq!(head.header("host"), Some("api.moby.localhost"));
    assert!(head.header("user-agent").unwrap().starts_with("engine-api/"));
}

#[tokio::test]
async fn over_tcp_the_host_is_the_address() {
    let fake = healthy();
    let socket = fake.on_tcp().unwrap();
    socket.client().system().ping().await.unwrap();
    let address = socket.client().address();
    assert_eq!(fake.asked()[0].header("host"), address.strip_prefix("tcp://"));
}
