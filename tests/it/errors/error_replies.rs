//! Replies with a status that is not a success, and the errors that the caller gets.

use std::sync::atomic::Ordering;

use engine_api::ErrorKind;
use fake_engine::scripted::{JSON, ScriptedEngine, chunked, open, reply};

use crate::support::{endless, fails, ping_error};

async fn message(status: u16, headers: &[&str], body: &str) -> String {
    let error = ping_error(reply(status, headers, body)).await;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(status)));
    assert_eq!(error.operation(), Some("SystemPing"));
    error.message().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn json_errors_give_their_message() {
    assert_eq!(message(409, &[JSON], r#"{"message":"in use"}"#).await, "in use");
    let podman = r#"{"cause":"no","message":"no such thing","response":404}"#;
    assert_eq!(message(404, &[JSON], podman).await, "no such thing");
}

#[tokio::test(start_paused = true)]
async fn html_error_shows_its_first_words() {
    let page = "<html><head><title>no</title></head><body><h1>403 Forbidden</h1>\nRequest forbidden by \
                administrative rules.</body></html>";
    let long = format!("<!DOCTYPE html><p>{}", "word ".repeat(1000));
    for (headers, page, words) in [
        (
            &["Content-Type: text/html"][..],
            page,
            "403 Forbidden Request forbidden by administrative rules.",
        ),
        (
            &[],
            page,
            "403 Forbidden Request forbidden by administrative rules.",
        ),
        (&["Content-Type: text/html"], "Go away", "Go away"),
        (&["Content-Type: text/html"], "<p>", ""),
    ] {
        let error = ping_error(reply(403, headers, page)).await;
        assert_eq!((error.status(), error.message()), (Some(403), Some(words)));
        let text = error.to_string();
        assert!(
            text.contains("403 Forbidden") && text.contains("a proxy"),
            "{text}"
        );
        assert!(!text.contains('<'), "{text}");
    }
    let text = ping_error(reply(502, &[], long)).await.to_string();
    assert!(text.len() < 300 && text.contains("502 Bad Gateway"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn html_404_is_not_a_missing_object() {
    let error = ping_error(reply(404, &[], "<html>404 Not Found</html>")).await;
    assert!(error.is_unknown_route() && !error.is_not_found(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn html_with_success_is_an_error_in_few_words() {
    let page = format!("<html>\n<p>Please log in</p>{}", "<p>filler</p>".repeat(500));
    for headers in [&["Content-Type: text/html"][..], &[JSON], &[]] {
        let page = page.clone();
        let fake = ScriptedEngine::answering(move |_| reply(200, headers, &page));
        let listed = fake.client().containers().list(Default::default()).await;
        let error = fails(listed, ErrorKind::Protocol);
        assert_eq!(error.status(), None);
        let text = error.to_string();
        assert!(text.contains("Please log in") && text.len() < 300, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_json_errors_are_shown_as_text() {
    assert_eq!(
        message(400, &["Content-Type: text/plain"], "bad thing\n").await,
        "bad thing"
    );
    assert_eq!(message(500, &[JSON], r#"{"message":"#).await, r#"{"message":"#);
    assert_eq!(
        message(500, &[JSON], r#"{"message":7}"#).await,
        r#"{"message":7}"#
    );
}

#[tokio::test(start_paused = true)]
async fn empty_error_body_gives_the_reason_phrase() {
    for body in ["", "{}", "null", " \n", r#"{"message":""}"#] {
        let message = message(500, &[JSON], body).await;
        assert!(!message.trim().is_empty(), "{body:?}");
    }
    assert!(message(500, &[], "").await.starts_with("Internal Server Error"));
}

#[tokio::test(start_paused = true)]
async fn missing_route_and_missing_object_differ() {
    let route = ping_error(reply(404, &[], "page not found\n")).await;
    assert!(route.is_unknown_route() && !route.is_not_found());
    let thing = ping_error(reply(404, &[JSON], r#"{"message":"No such container: x"}"#)).await;
    assert!(thing.is_not_found() && !thing.is_unknown_route());
}

#[tokio::test(start_paused = true)]
async fn predicates_go_by_the_status() {
    assert!(ping_error(reply(409, &[], "x")).await.is_conflict());
    assert!(ping_error(reply(403, &[], "x")).await.is_forbidden());
    assert!(ping_error(reply(401, &[], "x")).await.is_unauthorized());
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_reported_and_not_followed() {
    let fake = ScriptedEngine::answering(|_| reply(301, &["Location: /v1.51/elsewhere"], ""));
    let error = fails(fake.client().system().ping().await, ErrorKind::Api);
    assert_eq!(error.status(), Some(301));
    assert!(error.to_string().contains("/v1.51/elsewhere"), "{error}");
    assert_eq!(fake.requests(), ["GET /_ping"]);
}

#[tokio::test(start_paused = true)]
async fn redirect_is_shown_without_secrets() {
    let error = ping_error(reply(
        302,
        &["Location: https://u:s3cret@sso/login?token=s3cret"],
        "",
    ))
    .await;
    let text = error.to_string();
    assert!(
        text.contains("https://sso/login") && !text.contains("s3cret"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn error_body_is_read_chunked_or_until_close() {
    let bytes = chunked(&[JSON], [r#"{"message""#, r#":"half by half"}"#]);
    let bytes = String::from_utf8(bytes).unwrap().replacen("200", "500", 1);
    assert_eq!(ping_error(bytes).await.message(), Some("half by half"));
    let bytes = [&open(&[])[..], b"bye"].concat();
    let bytes = String::from_utf8(bytes).unwrap().replacen("200", "500", 1);
    let error = fails(
        ScriptedEngine::cut(bytes).client().system().ping().await,
        ErrorKind::Api,
    );
    assert_eq!(error.message(), Some("bye"));
}

#[tokio::test(start_paused = true)]
async fn huge_error_body_is_read_up_to_a_limit() {
    let (fake, written) = endless("HTTP/1.1 500 No\r\nContent-Length: 200000000\r\n\r\n");
    let error = fails(fake.client().system().ping().await, ErrorKind::Api);
    assert_eq!(error.message().unwrap().len(), 4096);
    fake.until(|counts| counts.live == 0).await;
    let written = written.load(Ordering::Relaxed);
    assert!(written < 1_000_000, "{written} bytes were read");
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_body_is_cut_keeps_its_status() {
    let cut = b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nno swarm".to_vec();
    let error = fails(
        ScriptedEngine::cut(cut).client().system().ping().await,
        ErrorKind::Api,
    );
    assert_eq!(error.status(), Some(503));
}

#[tokio::test(start_paused = true)]
async fn an_error_whose_body_stalls_is_still_reported() {
    let stalled = b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nno swarm".to_vec();
    let docker = ScriptedEngine::once(stalled)
        .docker()
        .with_version("1.51".parse().unwrap());
    let error = fails(docker.system().ping().await, ErrorKind::Api);
    assert_eq!((error.status(), error.message()), (Some(503), Some("no swarm")));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_head_request_is_its_status() {
    let fake = ScriptedEngine::answering(|_| b"HTTP/1.1 500 No\r\nContent-Length: 17\r\n\r\n".to_vec());
    let error = fails(fake.client().system().ping_head().await, ErrorKind::Api);
    assert!(error.message().unwrap().starts_with("Internal Server Error"));
}

#[tokio::test(start_paused = true)]
async fn changed_and_unchanged_are_distinguished() {
    for (status, changed) in [(204, true), (304, false)] {
        let fake =
            ScriptedEngine::answering(move |_| format!("HTTP/1.1 {status} Status\r\n\r\n").into_bytes());
        let docker = fake.client();
        for _ in 0..2 {
            assert_eq!(
                docker
                    .containers()
                    .start("web", Default::default())
                    .await
                    .unwrap(),
                changed
            );
            assert_eq!(
                docker.containers().stop("web", Default::default()).await.unwrap(),
                changed
            );
        }
        assert_eq!(
            fake.counts().opened,
            4,
            "in memory each POST has a connection of its own"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn not_modified_is_an_error_where_it_is_unexpected() {
    let error = ping_error(b"HTTP/1.1 304 Not Modified\r\n\r\n").await;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(304)));
}

#[tokio::test(start_paused = true)]
async fn errors_name_the_operation_and_its_subject() {
    let fake = ScriptedEngine::answering(|_| reply(404, &[JSON], r#"{"message":"No such container: web"}"#));
    let docker = fake.client();
    let error = fails(
        docker.containers().start("web", Default::default()).await,
        ErrorKind::Api,
    );
    assert_eq!(
        (error.operation(), error.subject()),
        (Some("ContainerStart"), Some("web"))
    );
    assert_eq!(
        error.to_string(),
        "ContainerStart web: the engine answered 404: No such container: web"
    );
}

#[tokio::test(start_paused = true)]
async fn not_found_without_a_message_is_a_missing_object() {
    // Podman replies "Not Found" for a missing route; a reply to HEAD has no message at all.
    let fake = ScriptedEngine::answering(|_| b"HTTP/1.1 404 No\r\nContent-Length: 17\r\n\r\n".to_vec());
    let error = fails(fake.client().system().ping_head().await, ErrorKind::Api);
    assert!(error.is_not_found() && !error.is_unknown_route(), "{error}");
}
