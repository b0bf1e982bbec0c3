//! What a process notes on the disk while it forks an environment: the image of the forks, and the
//! pause. Another process removes or ends it if this one is killed.

use std::path::Path;
use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::DockerEngine;
use isolation::{Command, ForkOptions, Manager, ManagerOptions, Reaper, Registry, Status};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, create, spec};

/// A daemon with an address, and a manager with a journal.
struct Fixture {
    fake: FakeEngine,
    _socket: Socket,
    manager: Manager,
    state: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let socket = fake.on_unix().unwrap();
        let state = tempfile::tempdir().unwrap();
        let mut registry = Registry::new();
        let docker = Docker::from_address(&socket.address()).unwrap();
        registry.register(DockerEngine::new(docker)).unwrap();
        let options = ManagerOptions {
            state_directory: Some(state.path().to_owned()),
            reaper: Reaper::Off,
            ..ManagerOptions::default()
        };
        Self {
            fake,
            _socket: socket,
            manager: Manager::with_options(registry, options),
            state,
        }
    }

    /// How many entries the journal has, and how many pauses are noted.
    fn noted(&self) -> (usize, usize) {
        let files = |name: &str| files_below(&self.state.path().join(name));
        let is_entry = |path: &&String| path.ends_with(".json");
        (
            files("journal").iter().filter(is_entry).count(),
            files("pauses").len(),
        )
    }

    async fn until_noted(&self, wanted: (usize, usize)) {
        for _ in 0..3000 {
            if self.noted() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} is noted, not {wanted:?}", self.noted());
    }
}

fn files_below(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.filter(|entry| entry.path().is_file());
    paths.map(|entry| entry.path().display().to_string()).collect()
}

#[tokio::test]
async fn image_of_forks_is_noted_while_it_exists() {
    for containerd in [false, true] {
        let fixture = Fixture::new();
        if containerd {
            let snapshotter = json!([["driver-type", "io.containerd.snapshotter.v1"]]);
            fixture.fake.set_info("DriverStatus", snapshotter);
        }
        let manager = &fixture.manager;
        let original = create(manager, spec()).await.unwrap();
        original.run(Command::shell("echo one >/file")).await.unwrap();
        assert_eq!(fixture.noted(), (1, 0));
        let forks = manager.fork(&original, 2, ForkOptions::default()).await;
        let forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
        // The original, the forks, and their image.
        assert_eq!(fixture.noted(), (4, 0), "{containerd}");
        for fork in &forks {
            let read = fork.run(Command::new(["cat", "/file"])).await.unwrap();
            assert_eq!(read.stdout_text(), "one\n");
        }
        original.destroy().await.unwrap();
        for fork in &forks {
            fork.destroy().await.unwrap();
        }
        fixture.until_noted((0, 0)).await;
        assert_eq!(fixture.fake.resources(), [""; 0], "{containerd}");
    }
}

#[tokio::test]
async fn pause_that_is_refused_leaves_no_note() {
    let fixture = Fixture::new();
    let original = create(&fixture.manager, spec()).await.unwrap();
    for (method, path, status) in [
        ("POST", "/pause", Status::Running),
        ("POST", "/commit", Status::Running),
    ] {
        fixture
            .fake
            .fail_next(method, path, Fault::internal_error("cannot do that"));
        let failed = fixture.manager.fork(&original, 1, ForkOptions::default()).await;
        let error = failed.unwrap_err();
        assert!(
            chain(&error).contains("cannot do that"),
            "{path}: {}",
            chain(&error)
        );
        assert_eq!(original.status(), status, "{path}");
        fixture.until_noted((1, 0)).await;
    }
    original.run(Command::new(["true"])).await.unwrap();
    original.destroy().await.unwrap();
    fixture.until_noted((0, 0)).await;
    assert_eq!(fixture.fake.resources(), [""; 0]);
}
