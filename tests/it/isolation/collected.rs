//! Environments that other processes have left, kept or removed: what the collection finds, and a
//! removal by name.

use std::path::PathBuf;

use engine_api::Docker;
use engine_api::containers::StopContainer;
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::DockerEngine;
use isolation::{
    EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, Gc, GcReport, GroupSpec, Lifetime,
    Manager, ManagerOptions, Reaper, Registry, Remove, Status,
};
use serde_json::Value;
use tests::chain;

use super::docker_engine::{IMAGE, create, spec};

/// A daemon with an address, and a directory for journals.
struct Fixture {
    fake: FakeEngine,
    socket: Socket,
    state: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        Self {
            socket: fake.on_unix().unwrap(),
            fake,
            state: tempfile::tempdir().unwrap(),
        }
    }

    fn manager(&self, journal: bool) -> Manager {
        let mut registry = Registry::new();
        let docker = Docker::from_address(&self.socket.address()).unwrap();
        registry.register(DockerEngine::new(docker)).unwrap();
        let options = ManagerOptions {
            journal,
            state_directory: Some(self.state.path().to_owned()),
            reaper: Reaper::Off,
            ..ManagerOptions::default()
        };
        Manager::with_options(registry, options)
    }

    fn entry(&self, id: &EnvironmentId) -> PathBuf {
        self.state.path().join("journal").join(format!("{id}.json"))
    }

    /// Removes the container of an environment, as somebody else does.
    async fn remove_container(&self, environment: &Environment) {
        let docker = Docker::with_connector(self.fake.clone());
        let containers = self.fake.snapshot().containers;
        let of = |name: &&String| name.ends_with(environment.id().as_str());
        let name = containers.iter().find(of).unwrap();
        tests::scenarios::remove(&docker, name).await.unwrap();
    }
}

fn kept() -> EnvironmentSpec {
    EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    }
}

async fn gc(manager: &Manager, dry_run: bool) -> GcReport {
    manager.gc(Gc { dry_run }).await.unwrap()
}

fn ids(entries: &[isolation::GcEntry]) -> Vec<EnvironmentId> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

#[tokio::test]
async fn kept_environment_that_is_gone_is_forgotten() {
    let fixture = Fixture::new();
    let manager = fixture.manager(true);
    let gone = create(&manager, kept()).await.unwrap();
    let stays = create(&manager, kept()).await.unwrap();
    fixture.remove_container(&gone).await;
    // A daemon that does not answer has lost nothing.
    fixture
        .fake
        .fail_next("GET", "/containers/json", Fault::internal_error("cannot list"));
    assert!(gc(&manager, false).await.gone.is_empty());
    for dry_run in [true, false] {
        assert!(fixture.entry(gone.id()).exists());
        let report = gc(&manager, dry_run).await;
        assert_eq!(ids(&report.gone), [gone.id().clone()], "{dry_run}: {report:?}");
        assert!(
            report.removed.is_empty() && report.failed.is_empty(),
            "{report:?}"
        );
    }
    assert!(!fixture.entry(gone.id()).exists() && fixture.entry(stays.id()).exists());
    assert!(gc(&manager, false).await.gone.is_empty());
    stays.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn dry_run_says_what_a_collection_would_do() {
    let fixture = Fixture::new();
    let manager = fixture.manager(true);
    let left = create(&manager, spec()).await.unwrap();
    // Its owner was a process before the last boot, and a second environment has no container.
    let text = std::fs::read_to_string(fixture.entry(left.id())).unwrap();
    let mut entry: Value = serde_json::from_str(&text).unwrap();
    entry["owner"]["boot"] = "an earlier one".into();
    std::fs::write(fixture.entry(left.id()), entry.to_string()).unwrap();
    let missing = EnvironmentId::random();
    entry["id"] = missing.to_string().into();
    std::fs::write(fixture.entry(&missing), entry.to_string()).unwrap();
    fixture
        .fake
        .fail_next("GET", "/containers/json", Fault::internal_error("cannot list"));
    let report = gc(&manager, true).await;
    assert_eq!(report.failed.len(), 2, "{report:?}");
    let text = chain(&report.failed[0].error);
    assert!(text.contains("cannot list"), "{text}");
    let report = gc(&manager, true).await;
    assert_eq!(ids(&report.removed), [left.id().clone()], "{report:?}");
    assert_eq!(ids(&report.gone), std::slice::from_ref(&missing), "{report:?}");
    assert!(fixture.entry(&missing).exists() && fixture.entry(left.id()).exists());
    assert_eq!(left.inspect().await.unwrap().status, Status::Running);
    std::fs::remove_file(fixture.entry(&missing)).unwrap();
    let report = gc(&manager, false).await;
    assert_eq!(ids(&report.removed), [left.id().clone()], "{report:?}");
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn manager_without_a_journal_collects_nothing() {
    let fixture = Fixture::new();
    let owner = fixture.manager(true);
    let environment = create(&owner, kept()).await.unwrap();
    let manager = fixture.manager(false);
    let report = gc(&manager, false).await;
    assert!(report.removed.is_empty() && report.gone.is_empty() && report.failed.is_empty());
    // It removes by name what its engine lists.
    let id = environment.id().to_string();
    let error = manager.remove(&id, Remove::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    let removed = manager.remove(&id, Remove { force: true }).await.unwrap();
    assert_eq!(&removed.id, environment.id());
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn shared_environment_in_use_needs_force() {
    let fixture = Fixture::new();
    let user = fixture.manager(true);
    let used = user.shared(&EngineChoice::Auto, spec()).await.unwrap();
    let docker = Docker::with_connector(fixture.fake.clone());
    let name = fixture.fake.snapshot().containers.pop_first().unwrap();
    let stopped = docker.containers().stop(&name, StopContainer::default()).await;
    stopped.unwrap();
    let manager = fixture.manager(true);
    let id = used.id().to_string();
    let error = manager.remove(&id, Remove::default()).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    assert!(text.contains("other processes use the environment"), "{text}");
    manager.remove(&id, Remove { force: true }).await.unwrap();
    assert!(!fixture.entry(used.id()).exists());
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn group_with_a_service_that_is_not_described() {
    let fixture = Fixture::new();
    let manager = fixture.manager(true);
    let text = format!(
        r#"{{"name": "shop", "services": {{"db": {{"image": "{IMAGE}",
            "main": {{"command": {{"argv": ["sh", "-c", "sleep 100000"]}}}}}}}}}}"#
    );
    let group = GroupSpec::from_json(&text).unwrap();
    let group = manager.up(&EngineChoice::Auto, group).await.unwrap();
    let name = fixture.fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fixture.fake.clone());
    let found = docker.containers().inspect(&name, Default::default()).await;
    for name in [name, found.unwrap().id] {
        let fault = Fault::internal_error("cannot look");
        fixture.fake.fail_next("GET", &format!("/{name}/json"), fault);
    }
    let other = fixture.manager(true);
    let error = other.group("shop").await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    assert_eq!(error.operation(), Some("open the environment"));
    fixture.fake.reset();
    let opened = other.group("shop").await.unwrap();
    assert_eq!(opened.services().count(), 1);
    group.down(None).await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}
