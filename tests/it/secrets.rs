//! Planted secrets appear in no error and no Debug text (A14).

use std::error::Error as _;

use engine_api::ErrorKind;
use tests::fake::Fake;

use crate::help::{fails, healthy};

const CANARY: &str = "hunter2-canary";

#[track_caller]
fn is_clean(text: &str) {
    assert!(!text.contains(CANARY), "{text}");
}

/// Both texts of an error, and those of all below it.
#[track_caller]
fn error_is_clean(error: &engine_api::Error) {
    is_clean(&format!("{error:?} {error:#?} {error}"));
    let mut next = error.source();
    while let Some(error) = next {
        is_clean(&format!("{error:?} {error}"));
        next = error.source();
    }
}

#[tokio::test(start_paused = true)]
async fn a_raw_call_shows_neither_its_headers_nor_its_body_nor_its_query() {
    let docker = healthy().client();
    let path = format!("/build?buildargs={CANARY}");
    let call = docker
        .raw("POST", &path)
        .header("X-Registry-Auth", CANARY)
        .json(CANARY);
    is_clean(&format!("{call:?} {call:#?}"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_raw_call_shows_neither_its_query_nor_its_headers() {
    let docker = Fake::new(|_peer| async { Ok(()) }).client();
    let path = format!("/build?buildargs={CANARY}");
    error_is_clean(&fails(
        docker.raw("POST", &path).send().await,
        ErrorKind::Disconnected,
    ));
    let call = docker
        .raw("POST", "/x")
        .header("X-Registry-Auth", "hunter2-canary\n");
    error_is_clean(&fails(call.send().await, ErrorKind::InvalidInput));
}

#[tokio::test(start_paused = true)]
async fn a_client_shows_neither_limits_nor_connections_nor_secrets() {
    let docker = healthy().client();
    docker.system().ping().await.unwrap();
    assert_eq!(
        format!("{docker:?}"),
        r#"Docker { address: "test://fake", version: Some("1.51"), .. }"#
    );
}
