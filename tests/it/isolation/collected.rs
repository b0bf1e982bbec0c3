//! Environments that other processes have left, kept or removed: what the collection finds, and a
//! removal by name.

use std::path::PathBuf;

use engine_api::Docker;
use engine_api::containers::StopContainer;
use engine_api::volumes::CreateVolume;
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::{DockerEngine, labels};
use isolation::{
    EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, Gc, GcReport, GroupSpec, Lifetime,
    Manager, ManagerOptions, Reaper, Registry, Remove, Status,
};
use serde_json::{Value, json};
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

impl Fixture {
    /// Creates a volume with the label of an environment, and notes it in the entry of this one.
    async fn note_volume(&self, noted: &EnvironmentId, name: &str, of: &str) {
        let docker = Docker::with_connector(self.fake.clone());
        let body = CreateVolume {
            name: name.to_owned(),
            labels: [(labels::ENVIRONMENT, of)].into(),
            ..CreateVolume::default()
        };
        docker.volumes().create(body).await.unwrap();
        let text = std::fs::read_to_string(self.entry(noted)).unwrap();
        let mut entry: Value = serde_json::from_str(&text).unwrap();
        let resources = entry["resources"].as_array_mut().unwrap();
        resources.push(json!({"kind": "volume", "name": name}));
        std::fs::write(self.entry(noted), entry.to_string()).unwrap();
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

/// Somebody else has removed the container alone. The volume of another environment stays.
#[tokio::test]
async fn volume_of_a_removed_container_is_collected() {
    let fixture = Fixture::new();
    let manager = fixture.manager(true);
    let gone = create(&manager, kept()).await.unwrap();
    let id = gone.id().clone();
    fixture.note_volume(&id, "ours", id.as_str()).await;
    let other = EnvironmentId::random();
    fixture.note_volume(&id, "theirs", other.as_str()).await;
    fixture.remove_container(&gone).await;
    let report = gc(&manager, true).await;
    assert_eq!(ids(&report.removed), std::slice::from_ref(&id), "{report:?}");
    let volumes = || fixture.fake.snapshot().volumes.into_iter().collect::<Vec<_>>();
    assert_eq!(volumes(), ["ours", "theirs"]);
    // What cannot be removed stays noted.
    let fault = Fault::internal_error("the disk is broken");
    fixture.fake.fail_next("DELETE", "/volumes/ours", fault);
    let report = gc(&manager, false).await;
    assert_eq!(report.failed.len(), 1, "{report:?}");
    let text = chain(&report.failed[0].error);
    assert!(text.contains("the disk is broken"), "{text}");
    assert!(fixture.entry(&id).exists());
    let report = gc(&manager, false).await;
    assert_eq!(ids(&report.removed), std::slice::from_ref(&id), "{report:?}");
    assert_eq!(volumes(), ["theirs"]);
    assert!(!fixture.entry(&id).exists());
}

/// The journal does not have it any more. Its name is in no label that is searched.
#[tokio::test]
async fn volume_without_an_entry_is_removed_by_its_id() {
    let fixture = Fixture::new();
    let manager = fixture.manager(true);
    let gone = create(&manager, kept()).await.unwrap();
    let id = gone.id().clone();
    let other = EnvironmentId::random();
    for (name, of) in [("ours", id.as_str()), ("theirs", other.as_str())] {
        fixture.note_volume(&id, name, of).await;
    }
    fixture.remove_container(&gone).await;
    std::fs::remove_file(fixture.entry(&id)).unwrap();
    for unknown in [EnvironmentId::random().as_str(), &id.as_str()[..8], "ours"] {
        let error = manager.remove(unknown, Remove::default()).await.unwrap_err();
        assert!(error.is_not_found(), "{}", chain(&error));
    }
    let removed = manager.remove(id.as_str(), Remove::default()).await.unwrap();
    assert_eq!((&removed.id, removed.engine.as_str()), (&id, "docker"));
    assert_eq!(fixture.fake.snapshot().volumes, ["theirs".to_owned()].into());
    // A daemon that does not answer has nothing to remove.
    fixture
        .fake
        .fail_next("GET", "/networks", Fault::internal_error("cannot list"));
    let error = manager
        .remove(other.as_str(), Remove::default())
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
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
