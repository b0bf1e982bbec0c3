//! Two daemons, each on a socket: environments move from one to the other, and one that a killed
//! process has left paused is resumed at its address.

use std::path::Path;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, Destination, Environment, EnvironmentId, ErrorKind, Gc, Lifetime, Manager, ManagerOptions,
    MigrateOptions, NetworkMode, OwnNetwork, Registry, Status,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, create, spec};

struct Daemon {
    fake: FakeEngine,
    socket: Socket,
}

impl Daemon {
    fn start() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let socket = fake.on_unix().unwrap();
        Self { fake, socket }
    }

    fn address(&self) -> String {
        self.socket.address()
    }

    fn manager(&self, state: &Path) -> Manager {
        let mut registry = Registry::new();
        let docker = Docker::from_address(&self.address()).unwrap();
        registry.register(DockerEngine::new(docker)).unwrap();
        let options = ManagerOptions {
            state_directory: Some(state.to_owned()),
            ..ManagerOptions::default()
        };
        Manager::with_options(registry, options)
    }
}

async fn printed(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    output.stdout_text().trim().to_owned()
}

#[tokio::test]
async fn environment_moves_to_another_daemon() {
    let (here, there) = (Daemon::start(), Daemon::start());
    let before = there.fake.snapshot();
    let state = tempfile::tempdir().unwrap();
    let manager = here.manager(state.path());
    let mut spec = spec();
    spec.env = [("COLOR", "red")].into();
    spec.network.mode = NetworkMode::Named("own".to_owned());
    spec.network.join = vec!["other".to_owned()];
    for name in ["own", "other"] {
        spec.network.own.insert(name.to_owned(), OwnNetwork::default());
    }
    let source = create(&manager, spec).await.unwrap();
    printed(&source, "mkdir /data && echo kept >/data/file").await;
    let to = Destination::at("docker", there.address());
    let options = MigrateOptions {
        name: Some("moved".to_owned()),
        ..MigrateOptions::default()
    };
    let plan = manager.plan_migration(&source, &to, &options).await.unwrap();
    assert_eq!(plan.from.address, Some(here.address()));
    assert_eq!(plan.to.address, Some(there.address()));
    let moved: Vec<_> = plan.moves.iter().map(|one| one.to.as_str()).collect();
    assert_eq!(moved, ["the same path"]);
    assert!(
        plan.blocked.is_empty(),
        "its own networks are created there: {plan:?}"
    );
    assert!(
        plan.lost.iter().any(|one| one.what.contains("memory")),
        "{plan:?}"
    );
    assert_eq!(there.fake.snapshot(), before, "a plan changes nothing");

    let fails = MigrateOptions {
        probe: Some(Command::shell("echo no >&2; exit 3")),
        remove_source: true,
        ..options.clone()
    };
    let error = manager.migrate(&source, &to, fails).await.unwrap_err();
    assert!(
        error.to_string().contains("(exit code 3): no"),
        "{}",
        chain(&error)
    );
    assert_eq!(there.fake.snapshot(), before);
    let works = MigrateOptions {
        probe: Some(Command::shell("test -e /data/file")),
        remove_source: true,
        ..options
    };
    let done = manager.migrate(&source, &to, works).await.unwrap();
    assert!(done.source_removed);
    assert_eq!(here.fake.resources(), [""; 0]);
    let environment = done.environment;
    assert_eq!(environment.name(), "moved");
    assert_eq!(
        printed(&environment, "cat /data/file; echo $COLOR").await,
        "kept\nred"
    );
    assert_eq!(environment.networks().await.unwrap().len(), 2);
    environment.destroy().await.unwrap();
    assert_eq!(there.fake.snapshot(), before);
    drop(manager);
    assert_eq!(
        std::fs::read_dir(state.path().join("migrations"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn migration_that_would_lose_something_is_refused() {
    let (here, there) = (Daemon::start(), Daemon::start());
    let state = tempfile::tempdir().unwrap();
    let manager = here.manager(state.path());
    let docker = Docker::from_address(&here.address()).unwrap();
    let network = engine_api::networks::CreateNetwork {
        name: "shared".to_owned(),
        ..Default::default()
    };
    docker.networks().create(network).await.unwrap();
    let mut spec = spec();
    spec.network.mode = NetworkMode::Private;
    spec.network.join = vec!["shared".to_owned()];
    let source = create(&manager, spec).await.unwrap();
    let to = Destination::at("docker", there.address());
    let default = MigrateOptions::default();
    let with_image = MigrateOptions {
        image: Some(IMAGE.to_owned()),
        ..default.clone()
    };
    let shared = MigrateOptions {
        lifetime: Lifetime::Shared,
        ..default.clone()
    };
    for (to, options, kind, words) in [
        (&to, default.clone(), ErrorKind::Unsupported, "the network shared"),
        (&to, with_image, ErrorKind::InvalidInput, "omit the image"),
        (&to, shared, ErrorKind::InvalidInput, "cannot be shared"),
        (
            &Destination::engine("docker"),
            default.clone(),
            ErrorKind::InvalidInput,
            "it is on the engine docker already",
        ),
        (
            &Destination::at("docker", here.address()),
            default.clone(),
            ErrorKind::InvalidInput,
            "already",
        ),
        (
            &Destination::at("docker", "unix:///no/such.sock"),
            default,
            ErrorKind::Unavailable,
            "/no/such.sock",
        ),
    ] {
        let error = manager.migrate(&source, to, options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert_eq!(there.fake.resources(), [""; 0]);
    }
    assert_eq!(source.inspect().await.unwrap().status, Status::Running);
    source.destroy().await.unwrap();
}

/// Writes the note of a process that was killed while it had paused an environment.
fn note_pause(state: &Path, id: &EnvironmentId, address: &str) {
    let pauses = state.join("pauses");
    std::fs::create_dir_all(&pauses).unwrap();
    let note = json!({"id": id, "name": "web", "engine": "docker", "address": address, "pid": 7});
    std::fs::write(pauses.join(id.as_str()), note.to_string()).unwrap();
}

fn notes(state: &Path) -> usize {
    std::fs::read_dir(state.join("pauses")).unwrap().count()
}

#[tokio::test]
async fn pause_of_a_killed_process_is_ended_by_gc() {
    let daemon = Daemon::start();
    let state = tempfile::tempdir().unwrap();
    let manager = daemon.manager(state.path());
    let environment = create(&manager, spec()).await.unwrap();
    environment.pause().await.unwrap();
    let id = environment.id();
    note_pause(state.path(), id, &daemon.address());
    let (gone, far) = (EnvironmentId::random(), EnvironmentId::random());
    note_pause(state.path(), &gone, &daemon.address());
    note_pause(state.path(), &far, "unix:///no/such.sock");

    let dry = manager.gc(Gc { dry_run: true }).await.unwrap();
    let resumed: Vec<_> = dry.resumed.iter().map(|one| (&one.id, one.pid)).collect();
    assert_eq!(resumed, [(id, 7)]);
    assert_eq!(environment.inspect().await.unwrap().status, Status::Paused);
    assert_eq!(notes(state.path()), 3);

    let report = manager.gc(Gc::default()).await.unwrap();
    let resumed: Vec<_> = report.resumed.iter().map(|one| &one.id).collect();
    assert_eq!(resumed, [id]);
    assert_eq!(environment.inspect().await.unwrap().status, Status::Running);
    let failed: Vec<_> = report.failed.iter().map(|one| &one.id).collect();
    assert_eq!(failed, [&far], "{report:?}");
    assert_eq!(report.failed[0].error.operation(), Some("resume the environment"));
    assert_eq!(notes(state.path()), 1, "that of the other daemon stays");
    // One that runs was resumed by somebody else.
    note_pause(state.path(), id, &daemon.address());
    let report = manager.gc(Gc::default()).await.unwrap();
    assert!(report.resumed.is_empty(), "{report:?}");
    assert_eq!(notes(state.path()), 1);
    // A daemon that cannot do it is asked again the next time.
    environment.pause().await.unwrap();
    note_pause(state.path(), id, &daemon.address());
    daemon
        .fake
        .fail_next("POST", "/unpause", Fault::internal_error("cannot thaw"));
    let report = manager.gc(Gc::default()).await.unwrap();
    assert!(report.failed.iter().any(|one| one.id == *id), "{report:?}");
    assert_eq!(notes(state.path()), 2);
    let report = manager.gc(Gc::default()).await.unwrap();
    assert_eq!(report.resumed[0].id, *id);
    environment.destroy().await.unwrap();
}
