//! Managers with a journal, on a daemon whose address others can reach: shared environments, kept
//! ones, and pauses that a killed process has left.

use std::path::Path;
use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use engine_api::containers::{InspectContainer, RemoveContainer};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, ForkOptions, Gc, Lifetime,
    LogOptions, LogOrigin, Manager, ManagerOptions, Mount, Reaper, Registry, ResourceLimits, Result, Status,
};
use serde_json::json;
use tests::chain;
use tokio::time::sleep;

use super::docker_engine::{IMAGE, create, settle, spec};

const ADDRESS: &str = "unix:///run/no-such-daemon.sock";

/// The fake engine in the place of a socket.
#[derive(Debug)]
struct Here(FakeEngine);

impl Connector for Here {
    fn connect(&self) -> Connecting<'_> {
        self.0.connect()
    }

    fn address(&self) -> String {
        ADDRESS.to_owned()
    }
}

struct Fixture {
    fake: FakeEngine,
    state: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self {
            fake: FakeEngine::new().with_image(IMAGE),
            state: tempfile::tempdir().unwrap(),
        }
    }

    /// A manager as that of another process.
    fn manager(&self) -> Manager {
        let mut registry = Registry::new();
        let docker = Docker::with_connector(Here(self.fake.clone()));
        registry.register(DockerEngine::new(docker)).unwrap();
        let options = ManagerOptions {
            state_directory: Some(self.state.path().to_owned()),
            reaper: Reaper::Off,
            ..ManagerOptions::default()
        };
        Manager::with_options(registry, options)
    }

    fn docker(&self) -> Docker {
        Docker::with_connector(self.fake.clone())
    }

    fn container(&self) -> String {
        self.fake.snapshot().containers.pop_first().unwrap()
    }
}

async fn share(manager: &Manager) -> Result<Environment> {
    manager.shared(&EngineChoice::Auto, spec()).await
}

fn kept() -> EnvironmentSpec {
    EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn shared_environment_that_does_not_start_is_removed() {
    let fixture = Fixture::new();
    let manager = fixture.manager();
    fixture
        .fake
        .fail_next("POST", "/start", Fault::internal_error("no more"));
    let error = share(&manager).await.unwrap_err();
    assert!(chain(&error).contains("no more"), "{}", chain(&error));
    settle().await;
    assert_eq!(fixture.fake.resources(), [""; 0]);
    // Nor is anything created if the daemon does not say what exists.
    for _ in 0..5 {
        let fault = Fault::internal_error("cannot list");
        fixture.fake.fail_next("GET", "/containers/json", fault);
    }
    let error = share(&manager).await.unwrap_err();
    assert!(chain(&error).contains("cannot list"), "{}", chain(&error));
    fixture.fake.reset();
    let environment = share(&manager).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn name_in_use_is_that_of_the_shared_environment() {
    let fixture = Fixture::new();
    let first = fixture.manager();
    let one = share(&first).await.unwrap();
    // The other process looks before the first one has created it.
    fixture
        .fake
        .fail_next("GET", "/containers/json", Fault::Patch(json!([])));
    let second = fixture.manager();
    let other = share(&second).await;
    let other = other.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(other.id(), one.id());
    assert_eq!(fixture.fake.snapshot().containers.len(), 1);
    one.destroy().await.unwrap();
    other.run(Command::new(["true"])).await.unwrap();
    other.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn shared_environment_being_removed_is_awaited() {
    for (seconds, comes) in [(20, true), (600, false)] {
        let fixture = Fixture::new();
        let manager = fixture.manager();
        let one = share(&manager).await.unwrap();
        let name = fixture.container();
        fixture.fake.set_removal_delay(Duration::from_secs(seconds));
        let docker = fixture.docker();
        let removal = tokio::spawn(async move {
            let force = RemoveContainer {
                force: true,
                ..RemoveContainer::default()
            };
            docker.containers().remove(&name, force).await
        });
        sleep(Duration::from_secs(1)).await;
        let second = fixture.manager();
        let other = share(&second).await;
        match comes {
            true => {
                let other = other.unwrap_or_else(|error| panic!("{}", chain(&error)));
                other.run(Command::new(["true"])).await.unwrap();
            }
            false => {
                let error = other.unwrap_err();
                let text = chain(&error);
                assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
                assert!(text.contains("another process creates and removes"), "{text}");
            }
        }
        drop((one, manager));
        let _ = removal.await.unwrap();
        settle().await;
        settle().await;
        settle().await;
        assert_eq!(fixture.fake.resources(), [""; 0], "{seconds}");
    }
}

/// Writes the note of a process that was killed while it had paused an environment.
fn note_pause(state: &Path, id: &EnvironmentId) {
    let pauses = state.join("pauses");
    std::fs::create_dir_all(&pauses).unwrap();
    let note = json!({"id": id, "name": "web", "engine": "docker", "address": ADDRESS, "pid": 7});
    std::fs::write(pauses.join(id.as_str()), note.to_string()).unwrap();
}

fn notes(state: &Path) -> usize {
    std::fs::read_dir(state.join("pauses")).unwrap().count()
}

#[tokio::test(start_paused = true)]
async fn pause_of_a_killed_process_is_taken_over() {
    let fixture = Fixture::new();
    let manager = fixture.manager();
    let environment = create(&manager, spec()).await.unwrap();
    environment.pause().await.unwrap();
    note_pause(fixture.state.path(), environment.id());
    environment.pause().await.unwrap();
    assert_eq!(notes(fixture.state.path()), 0);
    // So the collection does not end it.
    let report = manager.gc(Gc::default()).await.unwrap();
    assert!(report.resumed.is_empty(), "{report:?}");
    assert_eq!(environment.inspect().await.unwrap().status, Status::Paused);
    let error = environment.pause().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn collection_tries_again_what_does_not_answer() {
    let fixture = Fixture::new();
    let manager = fixture.manager();
    let environment = create(&manager, spec()).await.unwrap();
    environment.pause().await.unwrap();
    let id = environment.id();
    note_pause(fixture.state.path(), id);
    fixture.fake.fail_next("POST", "/unpause", Fault::StallBefore);
    let report = manager.gc(Gc::default()).await.unwrap();
    let failed: Vec<_> = report.failed.iter().map(|one| &one.id).collect();
    assert_eq!(failed, [id], "{report:?}");
    let error = &report.failed[0].error;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(error));
    assert!(
        chain(error).contains("did not answer within 30 s"),
        "{}",
        chain(error)
    );
    assert_eq!(notes(fixture.state.path()), 1);
    // Somebody else removes it between the question and the request.
    let (status, message) = (404, "No such container".to_owned());
    let gone = Fault::Error { status, message };
    fixture.fake.fail_next("POST", "/unpause", gone);
    let report = manager.gc(Gc::default()).await.unwrap();
    assert!(
        report.failed.is_empty() && report.resumed.is_empty(),
        "{report:?}"
    );
    assert_eq!(notes(fixture.state.path()), 0);
    environment.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn kept_environment_has_the_output_of_others() {
    let fixture = Fixture::new();
    let first = fixture.manager();
    let environment = create(&first, kept()).await.unwrap();
    environment.run(Command::shell("echo one")).await.unwrap();
    let second = fixture.manager();
    let opened = second.open(environment.id().as_str()).await.unwrap();
    let options = LogOptions {
        origin: Some(LogOrigin::Commands),
        ..LogOptions::default()
    };
    let mut log = opened.logs(options).await.unwrap();
    let Some(isolation::LogEntry::Line(line)) = log.next().await.unwrap() else {
        panic!("there is no line");
    };
    assert_eq!(line.text_lossy(), "one");
    opened.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn size_is_measured_while_there_is_a_handle() {
    let fixture = Fixture::new();
    let limited = EnvironmentSpec {
        limits: ResourceLimits {
            disk: Some(1 << 20),
            ..ResourceLimits::default()
        },
        ..kept()
    };
    let first = fixture.manager();
    let environment = create(&first, limited).await.unwrap();
    let id = environment.id().as_str();
    let second = fixture.manager();
    let opened = second.open(id).await.unwrap();
    let measures = || async {
        fixture.fake.reset();
        settle().await;
        let requests = fixture.fake.requests();
        let sizes = requests.iter().filter(|request| request.contains("size="));
        sizes.count()
    };
    settle().await;
    let by_both = measures().await;
    drop(opened);
    let by_one = measures().await;
    assert!(
        by_one > 0 && by_both > by_one + by_one / 2,
        "{by_both} and {by_one}"
    );
    environment.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn kept_fork_is_removed_with_its_image_by_another() {
    let fixture = Fixture::new();
    let first = fixture.manager();
    let data = engine_api::volumes::CreateVolume {
        name: "data".to_owned(),
        ..Default::default()
    };
    fixture.docker().volumes().create(data).await.unwrap();
    let with_data = EnvironmentSpec {
        mounts: vec![Mount::volume("data", "/data")],
        ..spec()
    };
    let original = create(&first, with_data).await.unwrap();
    let before = fixture.fake.snapshot().images.len();
    let options = ForkOptions {
        lifetime: Lifetime::Kept,
        ..ForkOptions::default()
    };
    let forks = first.fork(&original, 1, options).await;
    let forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let id = forks[0].id().to_string();
    // The volume that it mounts belongs to somebody else.
    let third = fixture.manager();
    let opened = third.open(original.id().as_str()).await.unwrap();
    opened.run(Command::new(["true"])).await.unwrap();
    drop((opened, third));
    original.destroy().await.unwrap();
    drop((forks, original, first));
    settle().await;
    assert_eq!(fixture.fake.snapshot().images.len(), before + 1);
    let second = fixture.manager();
    let opened = second.open(&id).await.unwrap();
    let name = opened.inspect().await.unwrap().details["container"].clone();
    let docker = fixture.docker();
    let containers = docker.containers();
    containers
        .inspect(&name, InspectContainer::default())
        .await
        .unwrap();
    opened.destroy().await.unwrap();
    assert_eq!(fixture.fake.snapshot().images.len(), before);
    assert_eq!(fixture.fake.resources(), ["volume data"]);
}

/// Nothing is noted without a journal.
#[tokio::test(start_paused = true)]
async fn environment_is_forked_without_a_journal() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let mut registry = Registry::new();
    let docker = Docker::with_connector(fake.clone());
    registry.register(DockerEngine::new(docker)).unwrap();
    let options = ManagerOptions {
        journal: false,
        ..ManagerOptions::default()
    };
    let manager = Manager::with_options(registry, options);
    let original = create(&manager, spec()).await.unwrap();
    original.run(Command::shell("echo one >/file")).await.unwrap();
    let forks = manager.fork(&original, 1, ForkOptions::default()).await;
    let forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let read = forks[0].run(Command::new(["cat", "/file"])).await.unwrap();
    assert_eq!(read.stdout_text(), "one\n");
    forks[0].destroy().await.unwrap();
    original.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
    // Nor has a group anything to remove whose creation fails.
    let group = r#"{"name": "shop", "services": {"one": {"image": "no-such:1"}}}"#;
    let group = isolation::GroupSpec::from_json(group).unwrap();
    let up = manager.up(&EngineChoice::Auto, group).await;
    let error = up.map(drop).unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
}
