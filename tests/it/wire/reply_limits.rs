//! The memory for a reply has a limit.

use std::sync::atomic::{AtomicUsize, Ordering};

use engine_api::containers::{CreateContainer, ReadLogs, ReadStats};
use engine_api::exec::CreateExec;
use engine_api::{Docker, ErrorKind, ReplyLimits, Result};
use fake_engine::scripted::{JSON, MULTIPLEXED, RAW, ScriptedEngine, frame, ok, open, reply, upgraded};

use crate::support::{endless, fails};

const MIB: usize = 1024 * 1024;

/// Limits of 1 MiB for JSON and 2 MiB for the rest.
fn limited(docker: &Docker) -> Docker {
    docker.clone().with_reply_limits(ReplyLimits {
        json: MIB,
        collected: 2 * MIB,
    })
}

/// Asserts that a call on an endless reply that begins with `start` stops at a limit, having read
/// little more, and that the error names operation, limit and remedy.
async fn stops<T>(start: &[u8], limit: usize, call: impl AsyncFnOnce(Docker) -> Result<T>) -> String {
    let (fake, written) = endless(start);
    let error = fails(call(limited(&fake.client())).await, ErrorKind::ReplyTooLong);
    fake.until(|counts| counts.live == 0).await;
    let written = written.load(Ordering::Relaxed);
    assert!(written < limit + MIB, "{written} bytes were read: {error}");
    assert!(error.operation().is_some() && !error.is_transient(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&limit.to_string()) && text.contains("with_reply_limits"),
        "{text}"
    );
    text
}

#[tokio::test(start_paused = true)]
async fn endless_json_reply_stops_at_the_limit() {
    let text = stops(&[&open(&[JSON])[..], b"[\""].concat(), MIB, async |docker| {
        docker.containers().list(Default::default()).await
    })
    .await;
    assert!(text.starts_with("ContainerList: "), "{text}");
    // White space counts as well.
    let head = open(&[JSON]);
    stops(&head, MIB, async |docker| docker.system().info().await).await;
}

#[tokio::test(start_paused = true)]
async fn default_limit_of_json_is_64_mib() {
    assert_eq!(ReplyLimits::default().json, 64 * MIB);
    let (fake, written) = endless([&open(&[JSON])[..], b"[\""].concat());
    let listed = fake.client().containers().list(Default::default()).await;
    fails(listed, ErrorKind::ReplyTooLong);
    let written = written.load(Ordering::Relaxed);
    assert!(
        (63 * MIB..66 * MIB).contains(&written),
        "{written} bytes were read"
    );
}

#[tokio::test(start_paused = true)]
async fn announced_length_above_the_limit_is_not_read() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 * MIB);
    let (fake, written) = endless(&head);
    let listed = limited(&fake.client())
        .containers()
        .list(Default::default())
        .await;
    fails(listed, ErrorKind::ReplyTooLong);
    fake.until(|counts| counts.live == 0).await;
    assert!(written.load(Ordering::Relaxed) < MIB);
}

#[tokio::test(start_paused = true)]
async fn json_as_long_as_the_limit_is_read() {
    let name = "x".repeat(MIB - r#"[{"Names":[""]}]"#.len());
    for (more, fits) in [("", true), (" ", false)] {
        let text = format!(r#"[{{"Names":["{name}"]}}]{more}"#);
        for bytes in [ok(&text), [&open(&[JSON]), text.as_bytes()].concat()] {
            let docker = limited(&ScriptedEngine::cut(bytes).client());
            let listed = docker.containers().list(Default::default()).await;
            assert_eq!(listed.is_ok(), fits);
            // Other clients of the same engine keep their limits.
            assert_eq!(
                *docker.with_reply_limits(ReplyLimits::default()).reply_limits(),
                ReplyLimits::default()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn endless_value_in_a_stream_stops_at_the_limit() {
    let start = [&open(&[JSON])[..], b"{\"name\":\""].concat();
    stops(&start, MIB, async |docker| {
        let mut lines = docker.containers().stats("web", ReadStats::default()).await?;
        let outcome = lines.next().await.expect("the stream is empty");
        assert!(lines.next().await.is_none());
        outcome
    })
    .await;
    // A value that comes in one piece.
    let value = format!("{{\"name\":\"{}\"}}", "x".repeat(100));
    for (limit, fits) in [(value.len(), true), (value.len() - 1, false)] {
        let limits = ReplyLimits {
            json: limit,
            ..ReplyLimits::default()
        };
        let docker = ScriptedEngine::once(ok(&value))
            .client()
            .with_reply_limits(limits);
        let mut lines = docker
            .containers()
            .stats("web", ReadStats::default())
            .await
            .unwrap();
        assert_eq!(lines.next().await.unwrap().is_ok(), fits);
    }
}

#[tokio::test(start_paused = true)]
async fn endless_reply_without_a_value_stops_at_the_limit() {
    let head = open(&[]);
    stops(&head, MIB, async |docker| docker.containers().pause("web").await).await;
    stops(&head, MIB, async |docker| docker.system().ping().await).await;
    let (fake, _) = endless(open(&["Api-Version: 1.51"]));
    // The negotiation asks with HEAD first, which has no body.
    let refusing = ScriptedEngine::new(move |mut peer| {
        let fake = fake.clone();
        async move {
            let request = peer.request().await?;
            if request.is_some_and(|request| request.method == "HEAD") {
                return peer.write(reply(500, &[], "")).await;
            }
            peer.write(open(&["Api-Version: 1.51"])).await?;
            for _ in 0..1000 {
                peer.write(&[b'x'; 10_000]).await?;
            }
            drop(fake);
            Ok(())
        }
    });
    fails(
        limited(&refusing.docker()).version().await,
        ErrorKind::ReplyTooLong,
    );
}

/// Many frames of standard output and standard error.
fn frames() -> Vec<u8> {
    let frames = [frame(1, [b'o'; 60_000]), frame(2, [b'e'; 60_000])].concat();
    frames.repeat(20)
}

#[tokio::test(start_paused = true)]
async fn collected_output_stops_at_the_limit() {
    let logs = async |docker: Docker| {
        let output = docker.containers().logs("web", ReadLogs::default()).await?;
        output.collect().await
    };
    let bytes = [&open(&[MULTIPLEXED])[..], &frames()].concat();
    let docker = ScriptedEngine::cut(bytes).client();
    let (out, err) = logs(docker.clone()).await.unwrap();
    assert_eq!((out.len(), err.len()), (1_200_000, 1_200_000));
    let error = fails(logs(limited(&docker)).await, ErrorKind::ReplyTooLong);
    let text = error.to_string();
    assert!(
        text.starts_with("ContainerLogs web: ") && text.contains("piece by piece"),
        "{text}"
    );
    // A frame that claims 4 GB is not collected either.
    let start = [&open(&[MULTIPLEXED])[..], &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]].concat();
    stops(&start, 2 * MIB, logs).await;
}

#[tokio::test(start_paused = true)]
async fn collected_bytes_stop_at_the_limit() {
    let head = open(&["Content-Type: application/x-tar"]);
    let text = stops(&head, 2 * MIB, async |docker| {
        docker.containers().export("web").await?.collect().await
    })
    .await;
    assert!(text.starts_with("ContainerExport web: "), "{text}");
    let text = stops(&head, 2 * MIB, async |docker| {
        docker.raw("GET", "/anything").send().await?.body.collect().await
    })
    .await;
    assert!(text.starts_with("raw call /anything: "), "{text}");
}

/// An engine on which containers and execs write without end. It counts the removals.
fn flooding(removed: &'static AtomicUsize) -> ScriptedEngine {
    ScriptedEngine::new(move |mut peer| async move {
        while let Some(request) = peer.request().await? {
            let path = request.target.split('?').next().unwrap_or_default();
            let answer = match (request.method.as_str(), path) {
                ("DELETE", _) => {
                    removed.fetch_add(1, Ordering::SeqCst);
                    reply(204, &[], "")
                }
                ("POST", "/v1.51/containers/create" | "/v1.51/containers/web/exec") => {
                    reply(201, &[JSON], r#"{"Id":"1"}"#)
                }
                ("POST", "/v1.51/containers/1/attach" | "/v1.51/exec/1/start") => {
                    peer.write(upgraded(&[RAW])).await?;
                    for _ in 0..1000 {
                        peer.write(frames()).await?;
                    }
                    return Ok(());
                }
                ("GET", _) => ok("{}"),
                _ => reply(204, &[], ""),
            };
            peer.write(answer).await?;
        }
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn flooding_process_is_an_error_of_run() {
    static REMOVED: AtomicUsize = AtomicUsize::new(0);
    let docker = limited(&flooding(&REMOVED).client());
    let container = CreateContainer {
        image: "busybox".into(),
        ..Default::default()
    };
    let error = fails(docker.containers().run(container).await, ErrorKind::ReplyTooLong);
    assert_eq!(error.operation(), Some("ContainerAttach"));
    assert_eq!(REMOVED.load(Ordering::SeqCst), 1, "the container is removed");
    let exec = CreateExec {
        cmd: ["yes"].into(),
        ..Default::default()
    };
    let error = fails(docker.execs().run("web", exec).await, ErrorKind::ReplyTooLong);
    assert_eq!(error.operation(), Some("ExecStart"));
}
