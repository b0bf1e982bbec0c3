//! A container that several managers share, as those of several processes do.

use std::path::Path;
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{CreateContainer, StopContainer};
use fake_engine::{FakeEngine, Socket};
use isolation::engines::docker::{DockerEngine, labels};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Health, HealthSpec, Main, Manager,
    ManagerOptions, Registry, Result, Status, WaitFor,
};
use tests::chain;

use super::docker_engine::{IMAGE, on, spec};

/// The daemon has an address, so that several processes can reach it.
struct Fixture {
    fake: FakeEngine,
    socket: Socket,
    docker: Docker,
    state: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let socket = fake.on_unix().unwrap();
        Self {
            docker: Docker::from_address(&socket.address()).unwrap(),
            fake,
            socket,
            state: tempfile::tempdir().unwrap(),
        }
    }

    fn manager(&self, state: &Path) -> Manager {
        let mut registry = Registry::new();
        let docker = Docker::from_address(&self.socket.address()).unwrap();
        registry.register(DockerEngine::new(docker)).unwrap();
        let options = ManagerOptions {
            state_directory: Some(state.to_owned()),
            ..ManagerOptions::default()
        };
        Manager::with_options(registry, options)
    }

    /// The use of another process.
    async fn using(&self, spec: EnvironmentSpec) -> (Manager, Environment) {
        let manager = self.manager(self.state.path());
        let used = shared(&manager, spec).await;
        let used = used.unwrap_or_else(|error| panic!("{}", chain(&error)));
        (manager, used)
    }

    fn container(&self) -> String {
        self.fake.snapshot().containers.pop_first().unwrap()
    }
}

async fn shared(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    manager.shared(&EngineChoice::Auto, spec).await
}

async fn printed(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    output.stdout_text().trim().to_owned()
}

#[tokio::test]
async fn last_use_removes_a_shared_container() {
    let fixture = Fixture::new();
    let (_first, one) = fixture.using(spec()).await;
    let (_second, other) = fixture.using(spec()).await;
    assert_eq!(one.id(), other.id());
    printed(&one, "echo common >/file").await;
    one.destroy().await.unwrap();
    assert_eq!(printed(&other, "cat /file").await, "common");
    // Another value is another environment, as is another state directory.
    let mut different = spec();
    different.env = [("MODE", "a")].into();
    let (_third, of_a) = fixture.using(different.clone()).await;
    different.env = [("MODE", "b")].into();
    let (_fourth, of_b) = fixture.using(different).await;
    assert_eq!(printed(&of_a, "echo $MODE").await, "a");
    assert_eq!(printed(&of_b, "echo $MODE").await, "b");
    for environment in [other, of_a, of_b] {
        environment.destroy().await.unwrap();
        assert_eq!(environment.status(), Status::Destroyed);
    }
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn stopped_shared_container_is_replaced() {
    let fixture = Fixture::new();
    let (_first, one) = fixture.using(spec()).await;
    printed(&one, "echo old >/file").await;
    let name = fixture.container();
    let stop = StopContainer::default();
    fixture.docker.containers().stop(&name, stop).await.unwrap();
    let (_second, other) = fixture.using(spec()).await;
    assert_eq!(one.id(), other.id());
    assert_eq!(printed(&other, "cat /file || echo new").await, "new");
    assert_eq!(fixture.fake.snapshot().containers.len(), 1);
    one.destroy().await.unwrap();
    assert_eq!(printed(&other, "echo there").await, "there");
    other.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn shared_container_that_is_not_ready_is_replaced() {
    let fixture = Fixture::new();
    let mut checked = spec();
    checked.ready = Some(WaitFor::Healthy.into());
    checked.health = Some(HealthSpec {
        interval: Some(Duration::from_millis(100)),
        retries: Some(1),
        check: Some(Command::shell("! test -e /broken")),
        ..HealthSpec::default()
    });
    checked.main = Main::Command(Command::new(["sleep", "100000"]));
    let (_first, one) = fixture.using(checked.clone()).await;
    printed(&one, "touch /broken; echo old >/file").await;
    while one
        .inspect()
        .await
        .unwrap()
        .health
        .is_none_or(|health| health.status != Health::Unhealthy)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_second, other) = fixture.using(checked).await;
    assert_eq!(printed(&other, "cat /file || echo new").await, "new");
    drop(one);
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn damaged_shared_container_is_replaced() {
    let fixture = Fixture::new();
    let (_first, one) = fixture.using(spec()).await;
    let (name, id) = (fixture.container(), one.id().to_string());
    one.destroy().await.unwrap();
    let damaged = [
        (labels::ENVIRONMENT, id.as_str()),
        (labels::SPEC, "{\"imgae\": 1}"),
    ];
    let container = CreateContainer {
        name: Some(name),
        image: IMAGE.into(),
        labels: damaged.into_iter().collect(),
        ..CreateContainer::default()
    };
    fixture.docker.containers().create(container).await.unwrap();
    let (_second, other) = fixture.using(spec()).await;
    assert_eq!(other.id().as_str(), id);
    assert_eq!(printed(&other, "echo there").await, "there");
    other.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn sharing_needs_a_journal_and_an_address() {
    let fixture = Fixture::new();
    // A connector in memory has no address.
    let error = shared(&on(&fixture.fake), spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    let manager = fixture.manager(fixture.state.path());
    let error = shared(
        &manager,
        EnvironmentSpec {
            image: Some("no-such:1".into()),
            ..spec()
        },
    )
    .await;
    let error = error.unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    assert_eq!(fixture.fake.resources(), [""; 0]);
    manager.shutdown().await.unwrap();
    let error = shared(&manager, spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown, "{}", chain(&error));
}
