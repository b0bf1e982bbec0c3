//! A second start of a main process, a terminal without a reader, and files of an environment
//! that its programs have made unusable.

use std::time::Duration;

use isolation::{
    Chunk, Command, EnvironmentSpec, ErrorKind, Input, Lifetime, Main, Signal, Status, TerminalSize,
};

use crate::support::{Fixture, has_users, manager, printed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_that_runs_is_not_started_again() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        main: Main::Command(Command::shell("echo started >>/tmp/starts; exec sleep 100000")),
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    environment.kill(Signal::Kill).await.unwrap();
    environment.wait().await.unwrap();
    let others = manager(fixture.base.path());
    let one = others.open(environment.id().as_str()).await.unwrap();
    let two = manager(fixture.base.path());
    let two = two.open(environment.id().as_str()).await.unwrap();
    assert_eq!((one.status(), two.status()), (Status::Stopped, Status::Stopped));
    let starts = || printed(&environment, "wc -l </tmp/starts");
    environment.start().await.unwrap();
    let began = starts().await;
    // These do not know that it runs.
    one.start().await.unwrap();
    let error = two.start_attached().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("it runs already"), "{error}");
    assert_eq!(starts().await, began);
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

/// The buffer of a terminal has some thousand bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminal_without_a_reader_makes_the_writer_wait() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    const SIZE: usize = 200_000;
    let environment = fixture.environment().await;
    let script = format!("stty raw -echo; echo ready; sleep 1; head -c {SIZE} | wc -c");
    let mut command = Command::shell(&script);
    command.input = Input::Piped;
    command.terminal = Some(TerminalSize::default());
    let mut execution = environment.execute(command).await.unwrap();
    let mut stdin = execution.take_stdin().unwrap();
    let mut text = String::new();
    while !text.contains("ready") {
        let (Chunk::Stdout(piece) | Chunk::Stderr(piece)) = execution.next().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    let writing = tokio::spawn(async move {
        stdin.write(&vec![b'x'; SIZE]).await.unwrap();
        tokio::io::AsyncWriteExt::flush(&mut stdin).await.unwrap();
        stdin
    });
    let output = execution.output().await.unwrap();
    assert_eq!(output.stdout_text().trim(), SIZE.to_string());
    drop(writing.await.unwrap());
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn link_to_itself_is_an_error() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    printed(&environment, "ln -s loop /tmp/loop").await;
    let error = environment.file_kind("/tmp/loop/below").await.unwrap_err();
    assert!(error.to_string().contains("/tmp/loop/below"), "{error}");
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn user_needs_no_list_of_users() {
    if !has_users() {
        eprintln!("skipped: there is one user");
        return;
    }
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let id = |user: &str| {
        let mut command = Command::new(["/usr/bin/id", "-u"]);
        command.user = Some(user.to_owned());
        environment.run(command)
    };
    // It is there, but cannot be read.
    printed(&environment, "rm /etc/passwd; ln -s passwd /etc/passwd").await;
    let error = id("7").await.unwrap_err();
    assert!(
        error.kind() == ErrorKind::Io && error.to_string().contains("/etc/passwd"),
        "{error}"
    );
    printed(&environment, "rm /etc/passwd /etc/group").await;
    let output = id("7").await.unwrap();
    assert_eq!(output.stdout_text().trim(), "7", "{output:?}");
    let error = id("nobody").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    environment.stop(Duration::ZERO).await.unwrap();
    environment.destroy().await.unwrap();
}
