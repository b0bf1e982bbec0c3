//! Failures inside a stream of progress, after a status of success.

use engine_api::images::{BuildContext, Progress};
use engine_api::{Docker, ErrorKind, JsonLines, Result, Upload};
use engine_fixtures::faults::Fault;
use fake_engine::scripted::{JSON, ScriptedEngine, chunked, open};

use crate::support::{fails, faulty_client};

async fn pull(lines: &[&str]) -> JsonLines<Progress> {
    let docker = ScriptedEngine::once(chunked(&[JSON], lines)).client();
    docker
        .images()
        .pull("busybox", Default::default(), None)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn error_fields_alone_or_together_fail_with_the_code() {
    let cases = [
        (
            r#"{"errorDetail":{"message":"no space"},"error":"old"}"#,
            "no space",
            None,
        ),
        (
            r#"{"errorDetail":{"code":137,"message":"killed"}}"#,
            "killed",
            Some(137),
        ),
        (r#"{"error":"format error"}"#, "format error", None),
        (r#"{"errorDetail":{},"error":"old"}"#, "old", None),
        (r#"{"errorDetail":null,"error":"old","status":"x"}"#, "old", None),
    ];
    for (line, message, code) in cases {
        let error = fails(pull(&[line]).await.last().await, ErrorKind::Stream);
        assert_eq!((error.message(), error.code()), (Some(message), code));
        assert_eq!(
            (error.operation(), error.subject()),
            (Some("ImageCreate"), Some("busybox"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn progress_ends_with_the_failure() {
    let mut lines = pull(&[r#"{"status":"one"}"#, r#"{"error":"no"}"#, r#"{"status":"two"}"#]).await;
    assert_eq!(lines.next().await.unwrap().unwrap().status, "one");
    fails(lines.next().await.unwrap(), ErrorKind::Stream);
    assert!(lines.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn empty_error_fields_are_not_a_failure() {
    let quiet = r#"{"status":"Pulling","progressDetail":{},"error":"","errorDetail":null}"#;
    let last = pull(&[quiet, r#"{"status":"Done"}"#]).await.last().await.unwrap();
    assert_eq!(last.unwrap().status, "Done");
}

#[tokio::test(start_paused = true)]
async fn progress_is_read_from_its_numbers() {
    let line = r#"{"id":"a1","status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[=> ] 1B/2B"}"#;
    let found = pull(&[line]).await.next().await.unwrap().unwrap();
    assert_eq!(
        (found.progress_detail.current, found.progress_detail.total),
        (1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn pull_cut_inside_a_line_is_an_error() {
    let bytes = [&open(&[JSON])[..], b"{\"status\":\"one\"}\r\n{\"stat"].concat();
    let docker = ScriptedEngine::cut(bytes).client();
    let pull = docker.images().pull("x", Default::default(), None).await.unwrap();
    fails(pull.last().await, ErrorKind::Truncated);
}

#[tokio::test(start_paused = true)]
async fn load_fails_by_its_stream_in_pieces_of_any_size() {
    let text = "{\"stream\":\"Loaded\"}\r\n{\"errorDetail\":{\"message\":\"invalid tar\"},\"error\":\"invalid tar\"}\r\n";
    let fake = ScriptedEngine::once(chunked(&[JSON], [text]));
    for how in (1..40).map(Fault::Pieces) {
        let archive = Upload::from("no tar");
        let docker = faulty_client(&fake, how);
        let load = docker.images().load(archive, Default::default()).await.unwrap();
        assert_eq!(
            fails(load.last().await, ErrorKind::Stream).message(),
            Some("invalid tar")
        );
    }
}

/// Every call that returns a stream of progress.
async fn of_every_kind(docker: &Docker) -> [(&'static str, Result<JsonLines<Progress>>); 8] {
    let (images, plugins) = (docker.images(), docker.plugins());
    let archive = || Upload::from("tar");
    let from = BuildContext::dockerfile("FROM scratch");
    let import = images.import(archive(), Default::default()).await;
    let install = plugins.install("x", Default::default(), None).await;
    let upgrade = plugins.upgrade("x", "x:2", Default::default(), None).await;
    [
        ("ImageCreate", images.pull("x", Default::default(), None).await),
        ("ImageCreate", import),
        ("ImagePush", images.push("x", Default::default(), None).await),
        ("ImageLoad", images.load(archive(), Default::default()).await),
        ("ImageBuild", images.build(from, Default::default(), None).await),
        ("PluginPull", install),
        ("PluginUpgrade", upgrade),
        ("PluginPush", plugins.push("x", None).await),
    ]
}

#[tokio::test(start_paused = true)]
async fn failure_line_fails_every_call_with_progress() {
    let lines = ["{\"status\":\"begun\"}\r\n", "{\"error\":\"no space\"}\r\n"];
    let docker = ScriptedEngine::answering(move |_| chunked(&[JSON], lines)).client();
    for (operation, progress) in of_every_kind(&docker).await {
        let mut progress = progress.unwrap();
        assert_eq!(progress.next().await.unwrap().unwrap().status, "begun");
        let error = fails(progress.next().await.unwrap(), ErrorKind::Stream);
        assert_eq!(
            (error.operation(), error.message()),
            (Some(operation), Some("no space"))
        );
        assert!(progress.next().await.is_none(), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn failure_before_the_first_line_is_an_api_error() {
    let fake = ScriptedEngine::once(fake_engine::scripted::reply(
        404,
        &[JSON],
        r#"{"message":"pull access denied"}"#,
    ));
    let docker = fake.client();
    let outcome = docker.images().pull("x", Default::default(), None).await;
    assert!(fails(outcome, ErrorKind::Api).is_not_found());
}

#[tokio::test(start_paused = true)]
async fn dropped_pull_closes_its_connection() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(open(&[JSON])).await?;
        peer.write("{\"status\":\"one\"}").await?;
        peer.until_gone().await
    });
    let docker = fake.client();
    let mut pull = docker.images().pull("x", Default::default(), None).await.unwrap();
    pull.next().await.unwrap().unwrap();
    drop(pull);
    fake.until(|counts| counts.live == 0).await;
}
