//! Abilities that an engine does not have, reports late, or only claims.

use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{
    Endpoint, EngineChoice, Environment, EnvironmentSpec, Error, ErrorKind, EventKind, ExitStatus, Feature,
    ForkOptions, Lifetime, Manager, ManagerOptions, Protocol, Registry, Remove, Signal, Status, WaitFor,
};

use crate::scripted::{Scripted, ScriptedEngine};

fn manager(script: &Scripted) -> Manager {
    let mut registry = Registry::new();
    registry.register(ScriptedEngine(script.clone())).unwrap();
    let options = ManagerOptions {
        journal: false,
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

async fn create(manager: &Manager, spec: &str) -> Environment {
    let spec = EnvironmentSpec::from_json(spec).unwrap();
    manager.create(&EngineChoice::Auto, spec).await.unwrap()
}

const SERVICE: &str = r#"{"main": {"command": {"argv": ["service"]}}}"#;

#[tokio::test]
async fn call_after_the_end_is_a_wrong_status() {
    let script = Scripted::default();
    let manager = manager(&script);
    let environment = create(&manager, SERVICE).await;
    assert_eq!(environment.summary().status, Status::Running);
    environment.start().await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Destroyed);
    let summary = environment.summary();
    assert_eq!(
        (summary.status, summary.name.as_str()),
        (Status::Destroyed, environment.name())
    );
    let wrong = |what: &str, error: Error| {
        assert_eq!(error.kind(), ErrorKind::WrongStatus, "{what}: {error}");
        assert_eq!(error.subject(), Some(environment.name()), "{what}");
    };
    wrong("keep", environment.keep().await.unwrap_err());
    wrong("stop", environment.stop(Duration::ZERO).await.unwrap_err());
    wrong("wait", environment.wait().await.unwrap_err());
    assert_eq!(script.with(|script| script.status), None, "nothing was called");
}

#[tokio::test]
async fn pause_by_another_cannot_be_undone() {
    let script = Scripted::default();
    let manager = manager(&script);
    let environment = create(&manager, "{}").await;
    script.is(Some(Status::Paused));
    assert_eq!(environment.inspect().await.unwrap().status, Status::Paused);
    let error = environment.unpause().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(environment.status(), Status::Paused);
}

#[tokio::test]
async fn port_that_cannot_be_used_says_why() {
    let script = Scripted::default();
    script.with(|script| script.claims = vec![Feature::Ports]);
    let manager = manager(&script);
    let environment = create(&manager, r#"{"network": {"ports": ["80"]}}"#).await;
    // The engine does not publish it, and the network is no internal one.
    let error = environment.endpoint(80).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    let error = environment.endpoint(81).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let mut elsewhere = Endpoint::new(80, Protocol::Tcp, "127.0.0.1", 8080);
    elsewhere.reachable = false;
    script.with(|script| script.ports = vec![elsewhere]);
    let error = environment.endpoint(80).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("published at 127.0.0.1:8080 of another machine"),
        "{text}"
    );
    assert!(text.contains("such as 0.0.0.0::80"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_the_main_process_and_kills_it() {
    for (ends_after, grace, is_killed) in [(5, 10, false), (50, 10, true)] {
        let script = Scripted::default();
        script.with(|script| {
            script.deaf = true;
            script.exit = Some(ExitStatus::from_code(0));
            script.exit_reported_after = Duration::from_secs(ends_after);
        });
        let manager = manager(&script);
        let environment = create(&manager, SERVICE).await;
        let began = tokio::time::Instant::now();
        let grace = Duration::from_secs(grace);
        environment.stop_with(Signal::Terminate, grace).await.unwrap();
        assert_eq!(environment.status(), Status::Stopped);
        let expected = if is_killed {
            grace
        } else {
            Duration::from_secs(ends_after)
        };
        let took = began.elapsed();
        assert!(
            took >= expected && took < expected + Duration::from_secs(1),
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn recreation_that_is_only_claimed_is_reported() {
    let script = Scripted::default();
    script.with(|script| {
        script.claims = vec![Feature::Recreation];
        script.exit = Some(ExitStatus::from_code(1));
        script.exit_reported_after = Duration::from_secs(1);
    });
    let manager = manager(&script);
    let mut events = manager.subscribe();
    let spec = r#"{"main": {"command": {"argv": ["service"]}},
        "restart": {"on_exit": "failure", "recovery": "recreate"}}"#;
    let environment = create(&manager, spec).await;
    let failed = loop {
        match events.next().await.unwrap().unwrap().kind {
            EventKind::Failed { operation, kind, .. } => break (operation, kind),
            EventKind::Restarted => panic!("it cannot be recreated"),
            _ => {}
        }
    };
    assert_eq!(
        failed,
        ("recreate the environment".to_owned(), ErrorKind::Unsupported)
    );
    assert_eq!(environment.status(), Status::Stopped);
}

#[tokio::test(start_paused = true)]
async fn health_check_that_is_disabled_is_not_awaited() {
    let script = Scripted::default();
    let manager = manager(&script);
    let environment = create(&manager, r#"{"health": {"disabled": true}}"#).await;
    let limit = Duration::from_secs(5);
    let error = environment
        .wait_until(&WaitFor::Healthy, limit)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("is disabled"), "{error}");
}

/// The engine does not count the lines that it gives.
#[tokio::test(start_paused = true)]
async fn error_of_an_end_has_the_last_lines_only() {
    let script = Scripted::default();
    let lines: Vec<&'static str> = (0..60).map(|_| "noise").chain(["the reason"]).collect();
    script.with(|script| {
        script.exit = Some(ExitStatus::from_code(3));
        script.log = lines;
    });
    let spec = r#"{"main": {"command": {"argv": ["service"]}}, "ready": {"wait_for": {"exit": 0}}}"#;
    let spec = EnvironmentSpec::from_json(spec).unwrap();
    let manager = manager(&script);
    let error = manager.create(&EngineChoice::Auto, spec).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let not_ready = source.downcast_ref::<isolation::NotReady>().unwrap();
    assert_eq!(not_ready.last_lines.len(), 20, "{not_ready:?}");
    assert_eq!(not_ready.last_lines[19], "the reason");
}

/// A manager of the engine `basic` with a journal, and the directory of its environments.
fn with_journal() -> (tempfile::TempDir, Manager) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("base")).unwrap();
    let mut registry = Registry::new();
    let engine = BasicEngine::below(directory.path().join("base"));
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        state_directory: Some(directory.path().join("state")),
        ..ManagerOptions::default()
    };
    (directory, Manager::with_options(registry, options))
}

#[tokio::test]
async fn shared_environment_keeps_its_name_and_end() {
    let (directory, manager) = with_journal();
    let spec = EnvironmentSpec::default();
    let environment = manager.shared(&EngineChoice::Auto, spec).await.unwrap();
    let name = environment.name().to_owned();
    for (operation, outcome) in [
        ("rename", environment.rename("other").await),
        ("keep", environment.keep().await),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{operation}: {error}");
        assert!(error.to_string().contains("shared"), "{operation}: {error}");
    }
    assert!(environment.name() == name && !environment.is_kept());
    environment.destroy().await.unwrap();
    let left = std::fs::read_dir(directory.path().join("base")).unwrap();
    assert_eq!(left.count(), 0);
}

/// Its processes end, although its directory is gone.
#[tokio::test]
async fn environment_whose_directory_is_gone_is_removed() {
    let (directory, manager) = with_journal();
    let spec = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
    let id = environment.id().as_str().to_owned();
    let entries = std::fs::read_dir(directory.path().join("base")).unwrap();
    for entry in entries {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    let removed = manager.remove(&id, Remove { force: true }).await.unwrap();
    assert_eq!(removed.id.as_str(), id);
    let error = manager.remove(&id, Remove { force: true }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn engine_without_snapshots_copies_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    let script = Scripted::default();
    registry.register(ScriptedEngine(script.clone())).unwrap();
    registry.register(BasicEngine::below(directory.path())).unwrap();
    let manager = Manager::new(registry);
    let of = |engine: &str| {
        let choice = EngineChoice::Named(engine.to_owned());
        let manager = &manager;
        async move { manager.create(&choice, EnvironmentSpec::default()).await.unwrap() }
    };
    let (one, source) = (of("scripted").await, of("basic").await);
    let error = manager.fork(&one, 1, ForkOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    one.destroy().await.unwrap();
    let store = SnapshotStore::open(Some(&directory.path().join("store"))).unwrap();
    let saved = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
    let options = RestoreOptions {
        engine: Some("scripted".to_owned()),
        ..RestoreOptions::default()
    };
    let error = manager
        .restore(&store, &saved.snapshot, options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(script.with(|script| script.status), None, "nothing was created");
    source.destroy().await.unwrap();
}
