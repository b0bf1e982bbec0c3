//! Notes of a process on the disk while it forks an environment: the image of the forks, and the
//! pause. Another process removes or ends it if this one is killed. An image that others use stays
//! noted until nothing uses it.

use std::path::Path;
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{CreateContainer, InspectContainer, RemoveContainer};
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, Environment, ForkOptions, Gc, GcImage, Manager, ManagerOptions, Reaper, Registry, Status,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, create, spec};

/// A daemon with an address, and a manager with a journal.
struct Fixture {
    fake: FakeEngine,
    socket: Socket,
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
            socket,
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

    fn docker(&self) -> Docker {
        Docker::from_address(&self.socket.address()).unwrap()
    }

    /// The tags of the images that are noted as left to others.
    fn left_images(&self) -> Vec<String> {
        files_below(&self.state.path().join("images"))
    }

    /// Forks of a new environment, which is destroyed, and their image.
    async fn forks(&self, number: usize) -> (Vec<Environment>, String) {
        let original = create(&self.manager, spec()).await.unwrap();
        let forks = self.manager.fork(&original, number, ForkOptions::default()).await;
        let forks = forks.unwrap_or_else(|error| panic!("{}", chain(&error)));
        original.destroy().await.unwrap();
        let docker = self.docker();
        let name = container_name(&docker, &forks[0]).await;
        let containers = docker.containers();
        let found = containers.inspect(&name, InspectContainer::default()).await;
        (forks, found.unwrap().config.image)
    }

    /// Creates a container of an image, as another program does.
    async fn use_image(&self, image: &str) {
        let stranger = CreateContainer {
            name: Some("stranger".to_owned()),
            image: image.to_owned(),
            cmd: ["sleep", "60"].into(),
            ..CreateContainer::default()
        };
        self.docker().containers().create(stranger).await.unwrap();
    }

    async fn remove_container(&self, name: &str) {
        let force = RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        };
        self.docker().containers().remove(name, force).await.unwrap();
    }

    /// The images that a collection removes, or would remove, and those that are used.
    async fn collected(&self, dry_run: bool) -> (Vec<String>, Vec<String>) {
        let report = self.manager.gc(Gc { dry_run }).await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        let names = |images: Vec<GcImage>| images.into_iter().map(|image| image.name).collect();
        (names(report.images), names(report.used_images))
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

async fn container_name(docker: &Docker, environment: &Environment) -> String {
    let listed = engine_api::containers::ListContainers {
        all: true,
        ..Default::default()
    };
    let listed = docker.containers().list(listed).await.unwrap();
    let mut names = listed.iter().map(|one| one.plain_name().to_owned());
    let id = environment.id().as_str();
    names.find(|name| name.ends_with(id)).unwrap()
}

/// Such an image stayed for ever: nothing named it.
#[tokio::test]
async fn image_that_others_use_is_removed_later() {
    let fixture = Fixture::new();
    let (forks, image) = fixture.forks(2).await;
    fixture.use_image(&image).await;
    for fork in &forks {
        // Forks need it, so that it is not left to others yet.
        assert_eq!(fixture.collected(false).await, (vec![], vec![]));
        fork.destroy().await.unwrap();
    }
    fixture.until_noted((0, 0)).await;
    assert_eq!(fixture.left_images().len(), 1);
    for dry_run in [true, false, false] {
        let used = (vec![], vec![image.clone()]);
        assert_eq!(fixture.collected(dry_run).await, used, "{dry_run}");
    }
    fixture.remove_container("stranger").await;
    for dry_run in [true, false] {
        let removed = (vec![image.clone()], vec![]);
        assert_eq!(fixture.collected(dry_run).await, removed, "{dry_run}");
    }
    assert_eq!(fixture.collected(false).await, (vec![], vec![]));
    assert_eq!(fixture.fake.resources(), [""; 0]);
    assert_eq!(fixture.left_images(), [""; 0]);
}

#[tokio::test]
async fn image_that_others_have_removed_is_forgotten() {
    let fixture = Fixture::new();
    let (forks, image) = fixture.forks(1).await;
    fixture.use_image(&image).await;
    forks[0].destroy().await.unwrap();
    fixture.remove_container("stranger").await;
    assert_eq!(fixture.left_images().len(), 1);
    let docker = fixture.docker();
    docker.images().remove(&image, Default::default()).await.unwrap();
    assert_eq!(fixture.collected(true).await, (vec![], vec![]));
    assert_eq!(fixture.left_images().len(), 1);
    assert_eq!(fixture.collected(false).await, (vec![], vec![]));
    assert_eq!(fixture.left_images(), [""; 0]);
}

/// The image of a kept fork stayed if somebody else removed the container.
#[tokio::test]
async fn image_of_a_removed_container_is_collected() {
    let fixture = Fixture::new();
    let (forks, image) = fixture.forks(1).await;
    forks[0].keep().await.unwrap();
    let name = container_name(&fixture.docker(), &forks[0]).await;
    fixture.remove_container(&name).await;
    for dry_run in [true, false] {
        let removed = (vec![image.clone()], vec![]);
        assert_eq!(fixture.collected(dry_run).await, removed, "{dry_run}");
    }
    assert_eq!(fixture.noted().0, 0);
    assert_eq!(fixture.left_images(), [""; 0]);
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

#[tokio::test]
async fn image_that_cannot_be_collected_stays_noted() {
    let fixture = Fixture::new();
    let images = fixture.state.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let far = |tag: &str| {
        let image = format!("localhost/isolation-state:{tag}");
        let left = json!({"engine": "docker", "address": "unix:///no/such.sock", "image": image});
        std::fs::write(images.join(format!("{tag}.json")), left.to_string()).unwrap();
        image
    };
    let names = [far("000000000000000a"), far("000000000000000b"), String::new()];
    std::fs::write(images.join("000000000000000c.json"), "{").unwrap();
    for dry_run in [true, false] {
        let report = fixture.manager.gc(Gc { dry_run }).await.unwrap();
        let failed: Vec<&str> = report.failed.iter().map(|one| one.name.as_str()).collect();
        let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(failed, expected, "{report:?}");
        let error = &report.failed[1].error;
        assert_eq!(error.operation(), Some("remove the image"));
        assert_eq!(fixture.left_images().len(), 3);
    }
}

#[tokio::test]
async fn image_that_cannot_be_noted_is_an_error() {
    let fixture = Fixture::new();
    let (forks, image) = fixture.forks(1).await;
    fixture.use_image(&image).await;
    let images = fixture.state.path().join("images");
    std::fs::remove_dir_all(&images).unwrap();
    std::fs::write(&images, "in the way").unwrap();
    let error = forks[0].destroy().await.unwrap_err();
    assert!(chain(&error).contains("is not a directory"), "{}", chain(&error));
    // The entry of the fork names it still.
    assert_eq!(fixture.noted().0, 1);
    std::fs::remove_file(&images).unwrap();
    forks[0].destroy().await.unwrap();
    assert_eq!(fixture.left_images().len(), 1);
    fixture.remove_container("stranger").await;
    assert_eq!(fixture.collected(false).await, (vec![image], vec![]));
}

/// Podman fails like that while another call removes the image.
#[tokio::test]
async fn image_that_cannot_be_removed_is_tried_twice() {
    let fixture = Fixture::new();
    let mut images = Vec::new();
    for _ in 0..2 {
        let (forks, image) = fixture.forks(1).await;
        fixture.use_image(&image).await;
        forks[0].destroy().await.unwrap();
        fixture.remove_container("stranger").await;
        images.push(image);
    }
    images.sort();
    let (_, tag) = images[0].rsplit_once(':').unwrap();
    let fails = || {
        let busy = Fault::internal_error("the image is being removed");
        fixture.fake.fail_next("DELETE", tag, busy);
    };
    for _ in 0..2 {
        fails();
    }
    let report = fixture.manager.gc(Gc { dry_run: false }).await.unwrap();
    let failed: Vec<&str> = report.failed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(failed, images[..1], "{report:?}");
    let error = &report.failed[0].error;
    assert!(chain(error).contains("is being removed"), "{}", chain(error));
    // The daemon answers, so that it is asked for the next one, too.
    assert_eq!(report.images[0].name, images[1]);
    assert_eq!(fixture.left_images().len(), 1);
    fails();
    assert_eq!(fixture.collected(false).await, (vec![images[0].clone()], vec![]));
    assert_eq!(fixture.fake.resources(), [""; 0]);
}

/// A note that somebody has changed.
#[tokio::test]
async fn image_that_is_not_ours_is_never_collected() {
    let fixture = Fixture::new();
    let images = fixture.state.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let address = fixture.socket.address();
    let left = json!({"engine": "docker", "address": address, "image": IMAGE});
    std::fs::write(images.join("000000000000000a.json"), left.to_string()).unwrap();
    for dry_run in [true, false] {
        assert_eq!(fixture.collected(dry_run).await, (vec![], vec![]));
    }
    let docker = fixture.docker();
    let found = docker.images().inspect(IMAGE, Default::default()).await;
    assert!(found.is_ok(), "{found:?}");
}
