//! Engines of other programs: what ends with the program, and what it is never sent.

use std::fs;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use isolation::engines::external::ExternalEngine;
use isolation::{
    Command, Engine, EngineChoice, Environment, EnvironmentSpec, ErrorKind, ForkOptions, Manager, Registry,
};

use crate::external::Place;

async fn create(manager: &Manager) -> Environment {
    let choice = EngineChoice::Named("other".into());
    manager.create(&choice, EnvironmentSpec::default()).await.unwrap()
}

#[tokio::test]
async fn program_without_an_engine_is_unavailable() {
    let place = Place::new();
    let script = r#"read -r line; echo '{"id": 1, "result": {"version": 1, "engines": []}}'; cat >/dev/null"#;
    let manager = place.manager(place.engine(script).with_timeout(Duration::from_secs(60)));
    let choice = EngineChoice::Named("other".into());
    let error = manager
        .create(&choice, EnvironmentSpec::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(
        format!("{error:?}").contains("its program offers no engine"),
        "{error:?}"
    );
}

#[tokio::test]
async fn engine_of_another_program_is_used_by_its_name() {
    let place = Place::new();
    let mut registry = Registry::new();
    registry.register(place.served("basic")).unwrap();
    let found = registry.get_as::<ExternalEngine>("other").unwrap();
    assert!(found.program().ends_with("isolation-engine-other"));
    let manager = Manager::new(registry);
    let spec = EnvironmentSpec::default();
    let error = manager
        .create(&EngineChoice::Auto, spec.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoEngine, "{error:?}");
    let explained = manager
        .registry()
        .explain(&EngineChoice::Auto, &spec)
        .await
        .unwrap();
    assert_eq!(
        explained.engines[0].reason,
        "it fits, but it is used only by its name"
    );
    assert_eq!(place.left(), 0);
}

#[tokio::test]
async fn command_that_is_too_long_is_not_sent() {
    let place = Place::new();
    let manager = place.manager(place.served("basic"));
    let environment = create(&manager).await;
    let long = "x".repeat(2 << 20);
    let error = environment.run(Command::new(["true", &long])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(format!("{error:?}").contains("and a line at most"), "{error}");
    let output = environment.run(Command::shell("echo short")).await.unwrap();
    assert_eq!(output.stdout_text(), "short\n");
    manager.shutdown().await.unwrap();
    assert_eq!(place.left(), 0);
}

#[tokio::test]
async fn state_of_a_killed_program_is_gone() {
    let place = Place::new();
    let pid = place.base.path().join("pid");
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let manager = place.manager(place.engine(&format!(
        "echo $$ > {}; TMPDIR={} exec {isolate} serve --stdio --engine basic",
        pid.display(),
        place.environments().display()
    )));
    let environment = create(&manager).await;
    let forks = manager
        .prepare_forks(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    let mut running = environment
        .execute(Command::new(["sleep", "100000"]))
        .await
        .unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", fs::read_to_string(&pid).unwrap().trim()])
        .status();
    assert!(killed.unwrap().success());
    running.wait().await.unwrap_err();
    // One fork was made before; the next ones are made of the state.
    let mut taken = Vec::new();
    let error = loop {
        match forks.take().await {
            Ok(fork) => taken.push(fork),
            Err(error) => break error,
        }
        assert!(taken.len() < 3);
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let text = format!("{error:?}");
    assert!(
        text.contains("its program has ended, and the state of the environment with it"),
        "{text}"
    );
    drop((forks, taken));
    environment.destroy().await.unwrap();
    manager.shutdown().await.unwrap();
    for _ in 0..6000 {
        if place.left() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} environments are left", place.left());
}

#[tokio::test]
async fn program_is_started_once_for_two_callers() {
    let place = Place::new();
    let starts = place.base.path().join("starts");
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let engine = place.engine(&format!(
        "echo start >> {}; TMPDIR={} exec {isolate} serve --stdio --engine basic",
        starts.display(),
        place.environments().display()
    ));
    let (one, other) = tokio::join!(engine.list(), engine.list());
    assert!(one.unwrap().is_empty() && other.unwrap().is_empty());
    assert_eq!(fs::read_to_string(&starts).unwrap(), "start\n");
}

/// Drops a call after so many of its steps, each until it waits for something; returns its result
/// if it has ended before.
async fn dropped_after<T>(steps: usize, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut left) = (pin!(call), steps);
    poll_fn(|context| {
        if let Poll::Ready(ended) = call.as_mut().poll(context) {
            return Poll::Ready(Some(ended));
        }
        left -= 1;
        match left {
            0 => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn dropped_calls_leave_nothing() {
    let place = Place::new();
    let manager = place.manager(place.itself());
    drop(create(&manager).await);
    for steps in 1..=12 {
        drop(dropped_after(steps, create(&manager)).await);
    }
    // The answer to the last request is the last one.
    manager.registry().get("other").unwrap().list().await.unwrap();
    let until = Instant::now() + Duration::from_secs(300);
    while place.left() > 0 {
        assert!(Instant::now() < until, "{} environments are left", place.left());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    manager.shutdown().await.unwrap();
}
