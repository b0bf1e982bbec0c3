//! Commands and containers that run to their end in one call, on the paused clock.

use std::collections::VecDeque;
use std::sync::Mutex;

use engine_api::containers::{CreateContainer, RunOutput};
use engine_api::exec::{CreateExec, RunExec};
use engine_api::{ErrorKind, Result, Version};
use fake_engine::scripted::{JSON, MULTIPLEXED, Peer, Request, ScriptedEngine, frame, ok, reply, upgraded};
use tokio::time::Instant;

use crate::support::{abandon_after, fails};

fn command() -> CreateExec {
    CreateExec {
        cmd: ["true"].into(),
        ..Default::default()
    }
}

async fn run(fake: &ScriptedEngine, input: &'static str) -> Result<RunOutput> {
    let input = RunExec { input: input.into() };
    fake.client().execs().run_with("web", command(), input).await
}

const CREATED: &str = r#"{"ID":"e1","Running":false,"ExitCode":null}"#;
const RUNNING: &str = r#"{"ID":"e1","Running":true,"ExitCode":null}"#;
const EXITED: &str = r#"{"ID":"e1","Running":false,"ExitCode":7}"#;

/// An engine with one command. Each inspect returns the next of `states`, and the last one again
/// and again. The output stream is closed or stays open.
fn engine(states: &[&'static str], closes: bool) -> ScriptedEngine {
    let states = Mutex::new(VecDeque::from(states.to_vec()));
    let answer = std::sync::Arc::new(move |request: &Request| {
        if request.target.ends_with("/web/exec") {
            return reply(201, &[JSON], r#"{"Id":"e1"}"#);
        }
        let mut states = states.lock().unwrap();
        let state = states[0];
        if states.len() > 1 {
            states.pop_front();
        }
        ok(state)
    });
    ScriptedEngine::new(move |mut peer| {
        let answer = answer.clone();
        async move {
            while let Some(request) = peer.request().await? {
                if request.target.ends_with("/start") {
                    return stream(peer, closes).await;
                }
                peer.write(answer(&request)).await?;
            }
            Ok(())
        }
    })
}

async fn stream(mut peer: Peer, closes: bool) -> std::io::Result<()> {
    peer.write([upgraded(&[MULTIPLEXED]), frame(1, "out"), frame(2, "err")].concat())
        .await?;
    if closes { Ok(()) } else { peer.until_gone().await }
}

#[tokio::test(start_paused = true)]
async fn exit_code_is_read_after_the_command_has_ended() {
    let finished = run(&engine(&[CREATED, CREATED, RUNNING, EXITED], true), "")
        .await
        .unwrap();
    assert_eq!((finished.exit_code, finished.output_complete), (7, true));
    assert_eq!(
        (&finished.stdout[..], &finished.stderr[..]),
        (&b"out"[..], &b"err"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn run_gives_up_a_stream_that_stays_open() {
    let start = Instant::now();
    let finished = run(&engine(&[RUNNING, RUNNING, EXITED], false), "")
        .await
        .unwrap();
    assert_eq!((finished.exit_code, finished.output_complete), (7, false));
    assert_eq!(&finished.stdout[..], b"out");
    // Two requests while it ran, then two seconds at most.
    assert!(start.elapsed().as_millis() <= 3000, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_silent_for_long_is_awaited() {
    let states = [vec![RUNNING; 2000], vec![EXITED]].concat();
    let fake = engine(&states, false);
    let docker = fake.docker().with_version(Version::OLDEST);
    let start = Instant::now();
    let finished = docker.execs().run("web", command()).await.unwrap();
    assert_eq!(finished.exit_code, 7);
    assert!(start.elapsed().as_secs() >= 1000);
}

#[tokio::test(start_paused = true)]
async fn the_input_is_attached_only_when_there_is_some() {
    for (input, attached) in [("", false), ("hello", true)] {
        let fake = engine(&[EXITED], true);
        run(&fake, input).await.unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&fake.received()[0].body).unwrap();
        assert_eq!(sent["AttachStdin"].as_bool().unwrap_or(false), attached, "{sent}");
        assert_eq!(sent["AttachStdout"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn large_input_and_output_do_not_block_each_other() {
    let fake = ScriptedEngine::new(|mut peer| async move {
        while let Some(request) = peer.request().await? {
            if request.target.ends_with("/start") {
                peer.write(upgraded(&[MULTIPLEXED])).await?;
                // The command writes each piece as soon as it has read it.
                for _ in 0..1000 {
                    let piece = peer.take(1000).await?;
                    peer.write(frame(1, piece)).await?;
                }
                peer.to_end().await?;
                return Ok(());
            }
            let created = request.target.ends_with("/web/exec");
            peer.write(if created {
                reply(201, &[JSON], r#"{"Id":"e1"}"#)
            } else {
                ok(EXITED)
            })
            .await?;
        }
        Ok(())
    });
    let input = vec![b'x'; 1_000_000];
    let options = RunExec {
        input: input.clone().into(),
    };
    let finished = fake
        .client()
        .execs()
        .run_with("web", command(), options)
        .await
        .unwrap();
    assert!(finished.stdout == input);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_read_its_input_is_no_error() {
    let fake = engine(&[EXITED], true);
    let input = RunExec {
        input: "x".repeat(1_000_000).into(),
    };
    let docker = fake.client();
    let finished = docker.execs().run_with("web", command(), input).await.unwrap();
    assert_eq!(finished.exit_code, 7);
}

#[tokio::test(start_paused = true)]
async fn a_detached_command_can_be_awaited() {
    let fake = engine(&[CREATED, RUNNING, EXITED], true);
    assert_eq!(fake.client().execs().wait("e1").await.unwrap(), 7);
}

/// An engine that runs containers, but replies 500 to request number `k`.
fn failing(k: usize) -> ScriptedEngine {
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    ScriptedEngine::new(move |mut peer| {
        let requests = requests.clone();
        async move {
            while let Some(request) = peer.request().await? {
                if requests.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == k {
                    peer.write(reply(500, &[], "no")).await?;
                } else if request.header("upgrade").is_some() {
                    return stream(peer, true).await;
                } else {
                    peer.write(contained(&request)).await?;
                }
            }
            Ok(())
        }
    })
}

fn contained(request: &Request) -> Vec<u8> {
    match request.target.rsplit(['/', '?']).next().unwrap() {
        "create" => reply(201, &[JSON], r#"{"Id":"c1","Warnings":null}"#),
        _ if request.target.contains("/wait") => ok(r#"{"StatusCode":3}"#),
        _ => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
    }
}

async fn contain(fake: &ScriptedEngine) -> Result<RunOutput> {
    let container = CreateContainer {
        image: "busybox".into(),
        ..Default::default()
    };
    fake.client().containers().run(container).await
}

#[tokio::test(start_paused = true)]
async fn a_container_is_removed_after_its_run() {
    let fake = failing(usize::MAX);
    let finished = contain(&fake).await.unwrap();
    assert_eq!((finished.exit_code, &finished.stdout[..]), (3, &b"out"[..]));
    assert_eq!(
        fake.requests().last().unwrap(),
        "DELETE /v1.51/containers/c1?v=true&force=true"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_is_removed_whichever_request_fails() {
    for k in 1..4 {
        let fake = failing(k);
        fails(contain(&fake).await, ErrorKind::Api);
        assert_eq!(fake.count("DELETE"), 1, "request {k} failed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_is_removed_wherever_its_run_is_dropped() {
    let mut removed = 0;
    for waits in 0..20 {
        let fake = failing(usize::MAX);
        abandon_after(Box::pin(contain(&fake)), waits).await;
        // On the paused clock, this returns as soon as all tasks are idle.
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let begun = fake
            .requests()
            .iter()
            .any(|line| line.contains("/containers/create"));
        assert!(
            !begun || fake.count("DELETE") > 0,
            "{waits} waits: {:?}",
            fake.requests()
        );
        removed += usize::from(begun);
    }
    assert!(removed > 3, "no run was dropped halfway");
}
