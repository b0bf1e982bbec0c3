//! A lost connection, faults, and programs of the fake engine.

use std::time::Duration;

use engine_api::ErrorKind;
use engine_api::containers::{ReadLogs, RunState, StartContainer};
use engine_api::exec::{CreateExec, RunExec};
use fake_engine::{Fault, Process};
use tests::scenarios::{UNTIL_TOLD, has_written, shell, started};
use tokio::time::Instant;

use super::containers::{engine, status};

#[tokio::test(start_paused = true)]
async fn reconnected_engine_keeps_its_state() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("gone", UNTIL_TOLD)).await.unwrap();
    let follow = ReadLogs {
        follow: true,
        ..ReadLogs::default()
    };
    let logs = docker.containers().logs(&id, follow).await.unwrap();
    fake.disconnect();
    assert_eq!(logs.collect().await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(status(&docker, &id).await.unwrap_err().is_unreachable());
    fake.reconnect();
    assert_eq!(status(&docker, &id).await.unwrap().0, RunState::Running);
}

#[tokio::test(start_paused = true)]
async fn fault_comes_before_or_after_the_request() {
    for (fault, made) in [
        (Fault::internal_error("no"), 0),
        (Fault::CloseBefore, 0),
        (Fault::CloseAfter, 1),
    ] {
        let (fake, docker) = engine();
        fake.fail_next("POST", "/containers/create", fault.clone());
        docker
            .containers()
            .create(shell("fault", "true"))
            .await
            .unwrap_err();
        assert_eq!(fake.resources().len(), made, "{fault:?}");
    }
    let (fake, docker) = engine();
    fake.fail_next("GET", "/json", Fault::Delay(Duration::from_secs(5)));
    let id = docker
        .containers()
        .create(shell("late", "true"))
        .await
        .unwrap()
        .id;
    let begun = Instant::now();
    status(&docker, &id).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn unknown_program_is_not_found() {
    let (fake, docker) = engine();
    fake.on_command("greet", |process: Process| async move {
        let who = process.stdin.read_line().await.unwrap_or_default();
        process.write_stdout(&format!("hello {}", who.trim_end())).await;
        process.write_stderr("bye").await;
        process.files.write("/greeted", who, 0o600);
        7
    });
    let id = started(&docker, shell("programs", UNTIL_TOLD)).await.unwrap();
    has_written(&docker, &id, "ready").await.unwrap();
    let run = async |words: &[&str], input: &'static str| {
        let exec = CreateExec {
            cmd: words.iter().map(|word| (*word).to_owned()).collect(),
            ..Default::default()
        };
        let input = RunExec { input: input.into() };
        docker.execs().run_with(&id, exec, input).await.unwrap()
    };
    let greeted = run(&["greet"], "you\n").await;
    assert_eq!(
        (&greeted.stdout[..], &greeted.stderr[..]),
        (&b"hello you\n"[..], &b"bye\n"[..])
    );
    assert_eq!(greeted.exit_code, 7);
    assert_eq!(&run(&["cat", "/greeted"], "").await.stdout[..], b"you\n");
    let piped = run(&["sh", "-c", "echo b a | greet | cat; (exit 3) || echo $?"], "").await;
    assert_eq!(&piped.stdout[..], b"hello b a\n3\n");
    let missing = run(&["sh", "-c", "no-such; echo $?"], "").await;
    assert_eq!(
        (&missing.stdout[..], &missing.stderr[..]),
        (&b"127\n"[..], &b"sh: no-such: not found\n"[..])
    );
    let kept = run(&["sh", "-c", "case x in x) ;; esac"], "").await;
    assert_eq!(
        kept.exit_code, 2,
        "the shell rejects syntax that it does not support"
    );

    let mut unknown = shell("unknown", "");
    unknown.cmd = ["no-such"].into();
    let unknown = docker.containers().create(unknown).await.unwrap().id;
    let error = docker
        .containers()
        .start(&unknown, StartContainer::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(400));
    assert!(
        error.to_string().contains("executable file not found in $PATH"),
        "{error}"
    );
}
