//! A daemon that may run on another machine: the files that it mounts, its routes, and a daemon
//! whose machine has a container of this process.

use std::path::PathBuf;

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, DockerSettings, NetworkOptions};
use isolation::{EnvironmentSpec, ErrorKind, Manager, Mount, Registry};
use tests::chain;

use super::docker_engine::{IMAGE, create, settle, spec};

/// The fake engine at the address of another machine.
#[derive(Debug)]
struct Far(FakeEngine);

impl Connector for Far {
    fn connect(&self) -> Connecting<'_> {
        self.0.connect()
    }

    fn address(&self) -> String {
        "tcp://docker.test:2375".to_owned()
    }
}

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(Far(fake.clone())))
}

fn manager(engine: DockerEngine) -> Manager {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    Manager::new(registry)
}

fn mounting(source: PathBuf, target: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        mounts: vec![Mount::host(source, target)],
        ..spec()
    }
}

fn read_only(source: PathBuf, target: &str) -> EnvironmentSpec {
    let mut spec = mounting(source, target);
    spec.mounts[0].read_only = true;
    spec
}

/// How often a file of the container was looked at.
fn looks(fake: &FakeEngine) -> usize {
    let requests = fake.requests();
    let is_look = |request: &&String| request.starts_with("HEAD") && request.contains("/archive");
    requests.iter().filter(is_look).count()
}

#[tokio::test(start_paused = true)]
async fn same_file_on_another_machine_may_be_mounted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hosts");
    let fake = FakeEngine::new().with_image(IMAGE);
    // Without a mount, the container shows a file of its image, in the place of the mounted one.
    let manager = manager(engine(&fake));
    let probe = create(&manager, spec()).await.unwrap();
    let known = directory.path().join("known");
    probe.copy_out("/bin/sh", &known).await.unwrap();
    probe.destroy().await.unwrap();
    let modified = std::fs::metadata(&known).unwrap().modified().unwrap();
    std::fs::write(&file, "text").unwrap();
    std::fs::File::open(&file)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    fake.reset();
    let environment = create(&manager, mounting(file.clone(), "/bin/sh")).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(looks(&fake), 1, "{:#?}", fake.requests());
    environment.destroy().await.unwrap();
    // Another file has neither its time nor its size.
    std::fs::write(&file, "x".repeat(12345)).unwrap();
    let error = create(&manager, mounting(file, "/bin/sh")).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}");
    assert!(text.contains("is another file there"), "{text}");
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn mount_that_cannot_be_compared_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(engine(&fake));
    // Nothing is written for a comparison into a directory that is mounted read-only.
    let environment = create(&manager, read_only(path.clone(), "/data")).await.unwrap();
    assert_eq!(looks(&fake), 0);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    environment.destroy().await.unwrap();
    std::fs::write(path.join("file"), "text").unwrap();
    // Podman shows no mounts of a container that does not run.
    let (status, message) = (500, "container is not running".to_owned());
    fake.fail_next("HEAD", "/archive", Fault::Error { status, message });
    let environment = create(&manager, mounting(path.clone(), "/data")).await.unwrap();
    environment.destroy().await.unwrap();
    for _ in 0..10 {
        fake.fail_next("HEAD", "/archive", Fault::CloseBefore);
    }
    let error = create(&manager, mounting(path, "/data")).await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    fake.reset();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn preferred_subnet_is_tried_part_by_part() {
    let fake = FakeEngine::new();
    let settings = DockerSettings {
        network_subnet: Some("10.77.0.0/16".parse().unwrap()),
        ..engine(&fake).settings().clone()
    };
    let engine = engine(&fake).with_settings(settings).unwrap();
    for _ in 0..2 {
        let (status, message) = (
            403,
            "Pool overlaps with other one on this address space".to_owned(),
        );
        fake.fail_next("POST", "/networks/create", Fault::Error { status, message });
    }
    let network = engine.networks().create(NetworkOptions::default()).await.unwrap();
    let requests = fake.requests();
    let tries = requests
        .iter()
        .filter(|request| request.ends_with("/networks/create"));
    assert_eq!(tries.count(), 3, "{requests:#?}");
    let lists = requests.iter().filter(|request| request.ends_with("/networks"));
    assert_eq!(lists.count(), 1, "the networks are listed once: {requests:#?}");
    let subnet = &network.info().subnets[0];
    assert!(subnet.starts_with("10.77."), "{subnet}");
    network.remove().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// On this machine, only a daemon in whose container this process runs may have other files.
#[cfg(unix)]
#[tokio::test]
async fn daemon_on_a_socket_of_this_machine_has_its_files() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "text").unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let socket = fake.on_unix().unwrap();
    let docker = Docker::from_address(&socket.address()).unwrap();
    let manager = manager(DockerEngine::new(docker));
    let environment = create(&manager, mounting(directory.path().to_owned(), "/data")).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(looks(&fake), 0, "{:#?}", fake.requests());
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
