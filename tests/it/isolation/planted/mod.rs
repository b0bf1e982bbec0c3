//! Failures that are planted on the fake engine, and the causes that are named for them. The texts
//! are those of daemons, runtimes and programs. `tests/live/isolation/failures` plants them on real
//! engines.

mod tables; // what daemons and programs report, and the cause

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use engine_api::containers::RemoveContainer;
use fake_engine::{FakeEngine, Fault, Process};
use isolation::LikelyCause::{self, *};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, Error, ErrorKind, Evidence, ExitStatus,
    FailedCommand, HealthSpec, Main, Manager, NetworkMode, Readiness, Registry, WaitFor, diagnose,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, spec};
use tables::{NETWORK, OUTPUTS, PULL, REFUSALS};

#[test]
fn kill_of_a_child_at_the_memory_limit_is_named() {
    let failed = |out_of_memory, line: &str, code| {
        diagnose(&Evidence {
            out_of_memory,
            command: Some(FailedCommand {
                argv: vec!["app".to_owned()],
                exit: ExitStatus::from_code(code),
                output: vec![line.to_owned()],
            }),
            ..Evidence::default()
        })
        .cause
    };
    assert_eq!(
        failed(true, "sh: line 1:    12 Killed      worker", 1),
        OutOfMemory
    );
    assert_eq!(failed(true, "Killed", 3), OutOfMemory);
    assert_eq!(
        failed(true, "assertion failed", 1),
        ProgramFailed,
        "of an earlier command"
    );
    assert_eq!(failed(false, "Killed", 1), ProgramFailed);
}

fn cause_of(error: &Error) -> Option<LikelyCause> {
    error.diagnosis().map(|found| found.cause)
}

#[tokio::test(start_paused = true)]
async fn causes_of_refused_requests_are_named() {
    let mut wrong = Vec::new();
    for (request, status, text, expected) in REFUSALS {
        let fake = match *request == PULL {
            true => FakeEngine::new(),
            false => FakeEngine::new().with_image(IMAGE),
        };
        let fault = || Fault::Error {
            status: *status,
            message: (*text).to_owned(),
        };
        // Some requests are repeated.
        for _ in 0..20 {
            fake.fail_next(request.0, request.1, fault());
        }
        let mut spec = spec();
        spec.main = Main::Image;
        if *request == NETWORK {
            spec.network.mode = NetworkMode::Private;
        }
        let error = create(&on(&fake), spec).await.unwrap_err();
        if cause_of(&error) != Some(*expected) {
            wrong.push(format!("{text}: {:?}\n{}", error.diagnosis(), chain(&error)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn active(fake: &FakeEngine) -> (Manager, Environment) {
    let manager = on(fake);
    let environment = create(&manager, spec()).await.unwrap();
    (manager, environment)
}

async fn cause_in(environment: &Environment) -> LikelyCause {
    diagnose(&environment.evidence().await).cause
}

#[tokio::test(start_paused = true)]
async fn causes_of_failed_programs_are_named() {
    let next = Arc::new(AtomicUsize::new(0));
    let fake = FakeEngine::new().with_image(IMAGE);
    let of_program = Arc::clone(&next);
    fake.on_command("app", move |process: Process| {
        let (text, code, _) = OUTPUTS[of_program.load(Ordering::Relaxed)];
        async move {
            process.write_stderr(text).await;
            code
        }
    });
    let (_manager, environment) = active(&fake).await;
    let mut wrong = Vec::new();
    for (at, (text, _, expected)) in OUTPUTS.iter().enumerate() {
        next.store(at, Ordering::Relaxed);
        let output = environment.run(Command::new(["app"])).await.unwrap();
        assert!(!output.exit.success());
        let found = diagnose(&environment.evidence().await);
        if found.cause != *expected {
            wrong.push(format!("{text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn causes_of_limits_are_named() {
    let fake = FakeEngine::new().with_image(IMAGE);
    fake.on_command("hungry", |process: Process| async move {
        process.run_out_of_memory().await
    });
    let (_manager, environment) = active(&fake).await;
    environment.run(Command::new(["hungry"])).await.unwrap();
    assert_eq!(cause_in(&environment).await, OutOfMemory);
    let late = Command {
        timeout: Some(Duration::from_secs(1)),
        ..Command::new(["sleep", "100"])
    };
    assert!(environment.run(late).await.unwrap().exit.timed_out);
    assert_eq!(cause_in(&environment).await, TimedOut);
    environment.destroy().await.unwrap();
}

fn service(script: &str, ready: WaitFor) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        ready: Some(Readiness {
            wait_for: ready,
            timeout: Some(Duration::from_secs(30)),
        }),
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn causes_of_waits_are_named() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let file = || WaitFor::File("/ready".into());
    for (script, ready, expected) in [
        ("sleep 1000000", file(), NeverReady),
        ("echo bye", file(), EndedEarly),
        ("echo bad configuration >&2; exit 3", file(), ProgramFailed),
    ] {
        let error = create(&on(&fake), service(script, ready)).await.unwrap_err();
        assert_eq!(cause_of(&error), Some(expected), "{}", chain(&error));
    }
}

/// The time is that of the Docker daemon: an interval before each check that counts.
#[tokio::test(start_paused = true)]
async fn failing_health_check_is_reported_at_once() {
    for (start_period, expected) in [(None, 6), (Some(20), 24)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let check = Command::shell("echo not yet; exit 1");
        let spec = EnvironmentSpec {
            health: Some(HealthSpec {
                check: Some(check),
                interval: Some(Duration::from_secs(2)),
                timeout: Some(Duration::from_secs(30)),
                retries: Some(3),
                start_period: start_period.map(Duration::from_secs),
                ..HealthSpec::default()
            }),
            ..service("sleep 1000000", WaitFor::Healthy)
        };
        let began = tokio::time::Instant::now();
        let error = create(&on(&fake), spec).await.unwrap_err();
        let took = began.elapsed().as_secs();
        assert!(
            (expected..expected + 3).contains(&took),
            "{took} s: {}",
            chain(&error)
        );
        assert_eq!(error.kind(), ErrorKind::Unhealthy);
        assert_eq!(cause_of(&error), Some(NeverHealthy), "{}", chain(&error));
        assert!(
            chain(&error).contains("exit code 1: not yet"),
            "{}",
            chain(&error)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn healthy_environment_is_ready_at_once() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let checks = Arc::new(AtomicUsize::new(0));
    let of_program = Arc::clone(&checks);
    fake.on_command("check", move |_: Process| {
        let code = i32::from(of_program.fetch_add(1, Ordering::Relaxed) < 3);
        async move { code }
    });
    let spec = EnvironmentSpec {
        health: Some(HealthSpec {
            check: Some(Command::new(["check"])),
            interval: Some(Duration::from_secs(30)),
            retries: Some(1),
            ..HealthSpec::default()
        }),
        ..service("sleep 1000000", WaitFor::Healthy)
    };
    let began = tokio::time::Instant::now();
    let environment = create(&on(&fake), spec).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_missing_health_check_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let error = create(&on(&fake), service("sleep 1000000", WaitFor::Healthy))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    assert!(chain(&error).contains("no health check"), "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn removal_by_others_is_named() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (_manager, environment) = active(&fake).await;
    let name = fake.snapshot().containers.pop_first().unwrap();
    let force = RemoveContainer {
        force: true,
        ..RemoveContainer::default()
    };
    let docker = Docker::with_connector(fake.clone());
    docker.containers().remove(&name, force).await.unwrap();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(cause_of(&error), Some(RemovedByOthers), "{}", chain(&error));
}

/// A socket that this user may not open, or to which no process listens.
#[derive(Debug)]
struct Closed(io::ErrorKind);

impl Connector for Closed {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async { Err(io::Error::from(self.0)) })
    }

    fn address(&self) -> String {
        "unix:///var/run/docker.sock".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn closed_socket_of_the_daemon_is_named() {
    for (kind, expected) in [
        (io::ErrorKind::PermissionDenied, DaemonForbids),
        (io::ErrorKind::NotFound, DaemonUnreachable),
        (io::ErrorKind::ConnectionRefused, DaemonUnreachable),
    ] {
        for choice in [EngineChoice::Auto, EngineChoice::Named("docker".into())] {
            let mut registry = Registry::new();
            let engine = DockerEngine::new(Docker::with_connector(Closed(kind)));
            registry.register(engine).unwrap();
            let error = Manager::new(registry).create(&choice, spec()).await.unwrap_err();
            assert_eq!(cause_of(&error), Some(expected), "{}", chain(&error));
            let hint = match expected {
                DaemonForbids => "docker group",
                _ => "start",
            };
            assert!(chain(&error).contains(hint), "{}", chain(&error));
            let wrong = expected == DaemonForbids && chain(&error).contains("start this daemon");
            assert!(!wrong, "{}", chain(&error));
        }
    }
}
