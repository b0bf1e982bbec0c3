//! Terminals of commands on the fake engine.

use fake_engine::{FakeEngine, Fault};
use isolation::{Command, Environment, Execution, Input, Manager, TerminalSize};
use tokio::io::AsyncWriteExt;

use super::docker_engine::{IMAGE, create, on, spec};

const SIZE: TerminalSize = TerminalSize {
    rows: 33,
    columns: 99,
};

/// How often the command's terminal was resized, with or without success.
fn resizes(fake: &FakeEngine) -> usize {
    let requests = fake.requests();
    let resizes = requests.iter().filter(|request| request.contains("/resize"));
    resizes.count()
}

/// A command on a terminal, whose resize the engine refuses this many times.
async fn refusing(times: usize) -> (FakeEngine, (Manager, Environment), Execution) {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    let command = Command {
        input: Input::Piped,
        terminal: Some(TerminalSize::default()),
        ..Command::shell("read line; stty size")
    };
    let execution = environment.execute(command).await.unwrap();
    fake.reset();
    for _ in 0..times {
        let refusal = Fault::internal_error("cannot resize a stopped container: unknown");
        fake.fail_next("POST", "/resize", refusal);
    }
    (fake, (manager, environment), execution)
}

#[tokio::test(start_paused = true)]
async fn resize_that_was_refused_is_tried_again() {
    let (fake, _held, mut execution) = refusing(3).await;
    execution.resize(SIZE).await.unwrap();
    assert_eq!(resizes(&fake), 4);
    let mut stdin = execution.take_stdin().unwrap();
    stdin.write_all(b"go\n").await.unwrap();
    let output = execution.output().await.unwrap();
    assert!(output.stdout_text().contains("33 99"), "{}", output.stdout_text());
}

#[tokio::test(start_paused = true)]
async fn resize_that_is_always_refused_is_an_error() {
    let (fake, _held, mut execution) = refusing(1000).await;
    let error = execution.resize(SIZE).await.unwrap_err();
    let text = tests::chain(&error);
    assert!(text.contains("cannot resize"), "{text}");
    assert_eq!(resizes(&fake), 101, "5 s");
}

#[tokio::test(start_paused = true)]
async fn refused_resize_of_an_ended_command_succeeds() {
    let (fake, _held, mut execution) = refusing(1000).await;
    let mut stdin = execution.take_stdin().unwrap();
    stdin.write_all(b"go\n").await.unwrap();
    while execution.next().await.unwrap().is_some() {}
    execution.resize(SIZE).await.unwrap();
    assert_eq!(resizes(&fake), 1);
}
