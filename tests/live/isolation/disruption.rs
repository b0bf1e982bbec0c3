//! A daemon that hangs or is restarted: calls end with errors within their limits, and nothing is
//! left once it is back.
//!
//! The test needs an engine that no other test uses.

use std::fs;
use std::process::Command as Program;
use std::time::{Duration, Instant};

use engine_api::Docker;
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, CopySource, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, EventKind,
    Manager, Registry, Status,
};

use super::{create, spec};
use crate::support::{LONG, one_line, required};

/// An engine of `tests/engines` that this test disrupts.
struct Disrupted {
    name: String,
    docker: Docker,
    prefix: String,
}

impl Disrupted {
    fn from_env() -> Self {
        let name = required("DISRUPTED_ENGINE");
        let docker = Docker::unix(format!("/run/isolate-engines/{name}/docker.sock"));
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        Self { name, docker, prefix }
    }

    fn manager(&self) -> Manager {
        let engine = DockerEngine::new(self.docker.clone());
        let mut registry = Registry::new();
        registry
            .register(engine.with_prefix(&self.prefix).unwrap())
            .unwrap();
        Manager::new(registry)
    }

    /// Sends a signal to the daemon's process.
    fn signal(&self, signal: &str) {
        let file = format!("/run/isolate-engines/{}/pid", self.name);
        let init = fs::read_to_string(file).unwrap();
        let script = format!("kill -{signal} $(pgrep -P {} -x dockerd)", init.trim());
        assert!(
            Program::new("sh")
                .args(["-c", &script])
                .status()
                .unwrap()
                .success()
        );
    }

    fn restart(&self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/engines");
        let restarted = Program::new(script)
            .args(["restart", &self.name])
            .output()
            .unwrap();
        assert!(restarted.status.success(), "{restarted:?}");
    }

    async fn nothing_is_left(&self) {
        let left = async || {
            let all = engine_api::containers::ListContainers {
                all: true,
                ..Default::default()
            };
            let listed = self.docker.containers().list(all).await.unwrap();
            let names = listed.iter().map(|container| container.plain_name().to_owned());
            names
                .filter(|name| name.starts_with(&self.prefix))
                .collect::<Vec<_>>()
        };
        let began = Instant::now();
        while !left().await.is_empty() {
            assert!(began.elapsed() < LONG, "left: {:?}", left().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The limits are the feature; the rest is for a slow machine.
fn within(limit: u64, began: Instant, what: &str) {
    let took = began.elapsed();
    assert!(took < Duration::from_secs(limit + 20), "{what} took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs DISRUPTED_ENGINE"]
async fn daemon_that_hangs_or_restarts_leaves_nothing() {
    let daemon = Disrupted::from_env();
    hangs_during_a_command(&daemon).await;
    hangs_during_a_copy(&daemon).await;
    hangs_during_a_creation(&daemon).await;
    restarts_with_open_environments(&daemon).await;
    daemon.nothing_is_left().await;
}

async fn active(manager: &Manager) -> Environment {
    let created = create(manager, spec()).await;
    created.unwrap_or_else(|error| panic!("{}", one_line(&error)))
}

async fn hangs_during_a_command(daemon: &Disrupted) {
    let manager = daemon.manager();
    let environment = active(&manager).await;
    let command = Command {
        timeout: Some(Duration::from_secs(2)),
        ..Command::new(["sleep", "1000"])
    };
    let execution = environment.execute(command).await.unwrap();
    daemon.signal("STOP");
    let began = Instant::now();
    let error = execution.output().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", one_line(&error));
    let error = manager.shutdown().await.unwrap_err();
    assert_eq!(
        error.failures()[0].kind(),
        ErrorKind::Timeout,
        "{}",
        one_line(&error)
    );
    within(2 + 5, began, "the timeout and the shutdown");
    daemon.signal("CONT");
    tokio::time::sleep(Duration::from_millis(500)).await;
    manager.shutdown().await.unwrap();
    daemon.nothing_is_left().await;
}

async fn hangs_during_a_copy(daemon: &Disrupted) {
    let manager = daemon.manager();
    let environment = active(&manager).await;
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large");
    fs::File::create(&large).unwrap().set_len(4 << 30).unwrap();
    let began = Instant::now();
    let (copied, ()) = tokio::join!(environment.copy_in(CopySource::Path(large), "/large"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        daemon.signal("STOP");
    });
    let error = copied.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", one_line(&error));
    within(31, began, "the copy");
    // A drop waits for nothing here; it goes on in the background.
    drop(environment);
    daemon.signal("CONT");
    drop(manager);
    daemon.nothing_is_left().await;
}

async fn hangs_during_a_creation(daemon: &Disrupted) {
    let manager = daemon.manager();
    let selection = manager.select(&EngineChoice::Auto, &spec()).await.unwrap();
    daemon.signal("STOP");
    let creating = manager.create_on(&selection, EnvironmentSpec::default());
    let given_up = tokio::time::timeout(Duration::from_secs(1), creating).await;
    assert!(given_up.is_err());
    daemon.signal("CONT");
    daemon.nothing_is_left().await;
}

/// The daemon stops all containers when it ends. Each environment is stopped or lost, an event
/// reports it, and commands end with an error.
async fn restarts_with_open_environments(daemon: &Disrupted) {
    let manager = daemon.manager();
    let mut environments = Vec::new();
    let mut running = Vec::new();
    for _ in 0..20 {
        let environment = active(&manager).await;
        running.push(
            environment
                .execute(Command::new(["sleep", "1000"]))
                .await
                .unwrap(),
        );
        environments.push(environment);
    }
    let mut events = manager.subscribe();
    daemon.restart();
    let began = Instant::now();
    for execution in running {
        let ended = tokio::time::timeout(LONG, execution.output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("a command hangs after the restart"));
        assert!(ended.is_err() || !ended.unwrap().exit.success());
    }
    for environment in &environments {
        let state = environment.inspect().await.unwrap();
        let ended = matches!(state.status, Status::Stopped | Status::Lost);
        assert!(ended, "{}", state.status);
        assert_eq!(environment.status(), state.status);
    }
    within(5, began, "the end of every environment");
    let mut reported = 0;
    while let Ok(Some(Ok(event))) = tokio::time::timeout(Duration::from_secs(1), events.next()).await {
        reported += usize::from(matches!(event.kind, EventKind::Stopped | EventKind::Lost));
    }
    assert_eq!(reported, environments.len());
    for environment in &environments[..4] {
        environment.start().await.unwrap();
        assert_eq!(super::sh(environment, "echo again").await, "again");
    }
    manager.shutdown().await.unwrap();
}
