//! Which failed pulls are retried.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine_api::ErrorKind;
use engine_api::auth::RegistryFailure;
use fake_engine::scripted::{JSON, ScriptedEngine, chunked, reply};

use crate::support::fails;

/// An engine that replies to the first `times` pulls with `failure`, and has the image after that.
fn after(times: usize, failure: Vec<u8>) -> ScriptedEngine {
    let requests = AtomicUsize::new(0);
    ScriptedEngine::answering(move |request| match request.method.as_str() {
        "GET" => reply(404, &[JSON], r#"{"message":"No such image"}"#),
        _ if requests.fetch_add(1, Ordering::Relaxed) < times => failure.clone(),
        _ => chunked(&[JSON], [r#"{"status":"Pull complete","id":"a"}"#]),
    })
}

fn api(status: u16, message: &str) -> Vec<u8> {
    reply(status, &[JSON], format!(r#"{{"message":"{message}"}}"#))
}

fn in_stream(message: &str) -> Vec<u8> {
    chunked(&[JSON], [format!(r#"{{"error":"{message}"}}"#)])
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_tried_three_times() {
    for (n, failure) in [
        api(500, "i/o timeout"),
        api(503, "busy"),
        api(429, "slow down"),
        in_stream("toomanyrequests: slow down"),
        api(500, "dial tcp: connect: connection refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let image = format!("passes/{n}");
        let fake = after(2, failure.clone());
        assert!(
            fake.client()
                .images()
                .pull_if_missing(&image, Default::default(), None)
                .await
                .unwrap()
        );
        assert_eq!(fake.count("POST"), 3, "{n}");
        let fake = after(9, failure);
        let outcome = fake
            .client()
            .images()
            .pull_if_missing(&image, Default::default(), None)
            .await;
        assert!(outcome.is_err() && fake.count("POST") == 3, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_retried() {
    use RegistryFailure::{NoPlatform, NotFound, Unauthorized};
    for (n, (failure, refused)) in [
        (api(401, "x"), Some(Unauthorized)),
        (api(500, "no basic auth credentials"), Some(Unauthorized)),
        (api(404, "manifest unknown"), Some(NotFound)),
        (
            in_stream("no matching manifest for linux/s390x"),
            Some(NoPlatform),
        ),
        (in_stream("no space left on device"), None),
        (api(400, "invalid reference"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let fake = after(9, failure);
        let image = format!("fails/{n}");
        let outcome = fake
            .client()
            .images()
            .pull_if_missing(&image, Default::default(), None)
            .await;
        assert_eq!(outcome.unwrap_err().registry_failure(), refused, "{n}");
        assert_eq!(fake.count("POST"), 1, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_pause_between_tries_grows() {
    let fake = after(9, api(500, "busy"));
    let began = tokio::time::Instant::now();
    let outcome = fake
        .client()
        .images()
        .pull_with_retry("pauses", Default::default(), None, |_| ())
        .await;
    fails(outcome, ErrorKind::Api);
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(1500) && took < Duration::from_millis(3100),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn concurrent_pulls_of_one_image_share_one_request() {
    let fake = after(0, Vec::new());
    let docker = fake.client();
    let images = docker.images();
    let one = || images.pull_with_retry("shared", Default::default(), None, |_| ());
    let (a, b, c) = tokio::join!(one(), one(), one());
    a.and(b).and(c).unwrap();
    assert_eq!(fake.count("POST"), 1);
    // The next pull sends a request again: the tag may have moved.
    one().await.unwrap();
    assert_eq!(fake.count("POST"), 2);
}

#[tokio::test(start_paused = true)]
async fn abandoned_pull_does_not_block_the_others() {
    let fake = after(9, api(500, "busy"));
    let docker = fake.client();
    let images = docker.images();
    let pull = images.pull_with_retry("given-up", Default::default(), None, |_| ());
    assert!(
        tokio::time::timeout(Duration::from_millis(100), pull)
            .await
            .is_err()
    );
    let pull = images.pull_with_retry("given-up", Default::default(), None, |_| ());
    fails(pull.await, ErrorKind::Api);
    assert_eq!(fake.count("POST"), 4);
}

#[tokio::test(start_paused = true)]
async fn invalid_image_name_is_rejected_before_sending() {
    let fake = after(0, Vec::new());
    let outcome = fake
        .client()
        .images()
        .pull_with_retry("A b", Default::default(), None, |_| ())
        .await;
    fails(outcome, ErrorKind::InvalidInput);
    assert_eq!(fake.requests(), [""; 0]);
}

#[tokio::test]
async fn image_that_may_be_there_is_not_pulled() {
    for (status, there) in [(200, true), (500, false)] {
        let answer = move |_: &_| reply(status, &[JSON], r#"{"Id":"sha256:1","message":"busy"}"#);
        let fake = ScriptedEngine::answering(answer);
        let docker = fake.client();
        let pulled = docker
            .images()
            .pull_if_missing("a:1", Default::default(), None)
            .await;
        match there {
            true => assert!(!pulled.unwrap()),
            false => assert_eq!(fails(pulled, ErrorKind::Api).status(), Some(500)),
        }
        assert_eq!(fake.count("POST"), 0);
    }
}
