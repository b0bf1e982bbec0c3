//! Calls by method and path: streamed bodies, and connections that are taken over.

use engine_api::{ErrorKind, Upload};
use fake_engine::scripted::{ScriptedEngine, reply, upgraded};
use tokio::io::AsyncReadExt;

use crate::support::{fails, healthy};

#[tokio::test]
async fn body_is_streamed_with_its_type() {
    let engine = healthy();
    let content = vec![7; 200_000];
    let body = Upload::reader(std::io::Cursor::new(content.clone()));
    let call = engine.client();
    let call = call.raw("PUT", "/things").body(body, "application/x-things");
    assert_eq!(call.send().await.unwrap().status, 200);
    let request = engine.received().pop().unwrap();
    assert_eq!(request.header("content-type"), Some("application/x-things"));
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_eq!(request.body, content);
}

#[tokio::test]
async fn connection_is_taken_over_in_both_ways() {
    let engine = ScriptedEngine::new(|mut peer| async move {
        let Some(request) = peer.request().await? else {
            return Ok(());
        };
        let protocol = request.header("upgrade").unwrap_or("none").to_owned();
        // The first bytes come together with the head.
        let mut reply = upgraded(&["X-Meta: value"]);
        reply.extend_from_slice(format!("{protocol};").as_bytes());
        peer.write(reply).await?;
        let sent = peer.to_end().await?;
        peer.write(sent).await?;
        peer.finish().await
    });
    let docker = engine.client();
    for (protocol, call) in [
        ("tcp", docker.raw("POST", "/things")),
        ("h2c", docker.raw("POST", "/things").header("Upgrade", "h2c")),
    ] {
        let mut taken = call.hijack().await.unwrap();
        assert_eq!(taken.headers["x-meta"], "value");
        taken.input.write(b"echo").await.unwrap();
        taken.input.close().await.unwrap();
        let mut text = String::new();
        taken.output.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, format!("{protocol};echo"));
    }
}

#[tokio::test]
async fn reply_without_an_upgrade_is_an_error() {
    let engine = ScriptedEngine::answering(|request| match request.target.contains("missing") {
        true => reply(
            404,
            &["Content-Type: application/json"],
            r#"{"message":"no such thing"}"#,
        ),
        false => reply(200, &[], "OK"),
    });
    let docker = engine.client();
    let missing = docker.raw("POST", "/missing?token=hunter2").hijack().await;
    let error = missing.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("no such thing"),
        "{error}"
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
    fails(docker.raw("POST", "/things").hijack().await, ErrorKind::Protocol);
    fails(
        docker.raw("POST", "things").hijack().await,
        ErrorKind::InvalidInput,
    );
}
