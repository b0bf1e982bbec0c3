//! `isolate serve` of the engine `docker`, on an engine in memory: containers keep their abilities
//! over the protocol. And programs that break the protocol inside a stream.

use std::time::Duration;

use engine_api::Docker;
use engine_api::networks::CreateNetwork;
use fake_engine::{FakeEngine, Socket};
use isolation::engines::external::ExternalEngine;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, EventKind, FileKind, LogEntry,
    LogOptions, Main, Manager, NetworkMode, ResourceLimits, Signal, Status,
};

use crate::external::{Place, greeting};

const IMAGE: &str = "busybox:latest";

struct Fixture {
    fake: FakeEngine,
    _socket: Socket,
    docker: Docker,
    place: Place,
    manager: Manager,
}

impl Fixture {
    async fn new() -> Self {
        let fake = FakeEngine::new().with_image(IMAGE);
        let socket = fake.on_unix().unwrap();
        let docker = Docker::from_address(&socket.address()).unwrap();
        for name in ["front", "back"] {
            let network = CreateNetwork {
                name: name.to_owned(),
                ..CreateNetwork::default()
            };
            docker.networks().create(network).await.unwrap();
        }
        let place = Place::new();
        let manager = place.manager(served(&place, &socket.address()));
        Self {
            fake,
            _socket: socket,
            docker,
            place,
            manager,
        }
    }

    /// An environment whose main process writes a line and goes on.
    async fn environment(&self) -> Environment {
        let mut spec = EnvironmentSpec {
            image: Some(IMAGE.to_owned()),
            main: Main::Command(Command::shell("echo ready; sleep 100000")),
            limits: ResourceLimits {
                memory: Some(64 << 20),
                ..ResourceLimits::default()
            },
            ..EnvironmentSpec::default()
        };
        spec.network.mode = NetworkMode::Named("front".to_owned());
        spec.network.ports = vec!["80".parse().unwrap()];
        let choice = EngineChoice::Named("other".to_owned());
        self.manager.create(&choice, spec).await.unwrap()
    }

    /// The name of the only container.
    fn container(&self) -> String {
        self.fake.snapshot().containers.pop_first().unwrap()
    }
}

fn served(place: &Place, address: &str) -> ExternalEngine {
    let isolate = env!("CARGO_BIN_EXE_isolate");
    place.engine(&format!(
        "DOCKER_HOST={address} TMPDIR={} ISOLATE_STATE_DIR={} exec {isolate} serve --stdio --engine docker",
        place.environments().display(),
        place.base.path().join("state").display()
    ))
}

#[tokio::test]
async fn served_container_has_ports_networks_and_limits() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    let container = fixture.container();
    let inspected = async || {
        let containers = fixture.docker.containers();
        containers.inspect(&container, Default::default()).await.unwrap()
    };
    let endpoint = environment.endpoint(80).await.unwrap();
    let bindings = inspected().await.network_settings.ports;
    let (_, bindings) = bindings.iter().next().unwrap();
    assert_eq!(endpoint.host_port.to_string(), bindings[0].host_port);
    let error = environment.endpoint(81).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");

    let names = async || {
        let joined = environment.networks().await.unwrap();
        joined.into_iter().map(|one| one.network).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["front"]);
    environment
        .connect_network("back", &["api".to_owned()])
        .await
        .unwrap();
    assert_eq!(names().await, ["back", "front"]);
    environment.disconnect_network("front").await.unwrap();
    assert_eq!(names().await, ["back"]);
    let error = environment.connect_network("no-such", &[]).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");

    let limits = ResourceLimits {
        memory: Some(128 << 20),
        pids: Some(50),
        ..ResourceLimits::default()
    };
    environment.update(&limits).await.unwrap();
    let host = inspected().await.host_config;
    assert_eq!((host.memory, host.pids_limit), (128 << 20, Some(50)));
    let sample = environment.metrics().await.unwrap();
    assert!(sample.memory > 0, "{sample:?}");
    let processes = environment.processes().await.unwrap();
    assert!(
        processes.iter().any(|one| one.command.contains("sleep 100000")),
        "{processes:?}"
    );
    environment.rename("new").await.unwrap();
    assert_eq!(environment.name(), "new");
    let name = format!("_new_{}", environment.id());
    assert!(fixture.container().ends_with(&name), "{}", fixture.container());
    environment.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), ["network back", "network front"]);
}

#[tokio::test]
async fn served_container_is_paused_stopped_and_waited_for() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    let mut log = environment.logs(LogOptions::default()).await.unwrap();
    let Some(LogEntry::Line(line)) = log.next().await.unwrap() else {
        panic!("the log has no line");
    };
    assert_eq!(&line.text[..], b"ready");
    assert_eq!(
        environment.file_kind("/bin").await.unwrap(),
        Some(FileKind::Directory)
    );
    assert_eq!(environment.file_kind("/no-such").await.unwrap(), None);
    environment.pause().await.unwrap();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    environment.unpause().await.unwrap();
    environment.kill(Signal::Kill).await.unwrap();
    assert_eq!(environment.wait().await.unwrap().code, 137);
    environment.start().await.unwrap();
    environment.stop(Duration::ZERO).await.unwrap();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Stopped);
    // The documents of the container are those of the other program.
    let bundle = fixture.place.base.path().join("bundle");
    environment.bundle(&bundle).await.unwrap();
    let mut found = String::new();
    for entry in std::fs::read_dir(&bundle).unwrap() {
        found.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
    }
    assert!(found.contains("\"HostConfig\""), "{found}");
    let manager = fixture
        .place
        .manager(served(&fixture.place, &fixture.docker.address()));
    let opened = manager.open(environment.id().as_str()).await.unwrap();
    assert_eq!(opened.spec().main, environment.spec().main);
    opened.destroy().await.unwrap();
    assert_eq!(fixture.fake.resources(), ["network back", "network front"]);
}

#[tokio::test]
async fn served_engine_reports_what_others_do() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    let mut events = fixture.manager.subscribe();
    let _watching = fixture.manager.watch("other").await.unwrap();
    let containers = fixture.docker.containers();
    containers
        .kill(&fixture.container(), Default::default())
        .await
        .unwrap();
    loop {
        let event = events.next().await.unwrap().unwrap();
        if let EventKind::Exited { exit } = event.kind {
            assert_eq!(exit.code, 137);
            break;
        }
    }
    while environment.status() == Status::Running {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(environment.status(), Status::Stopped);
    environment.destroy().await.unwrap();
}

/// The answers to the third request: the first one of a user.
#[tokio::test]
async fn message_at_the_wrong_time_is_named() {
    let place = Place::new();
    for (answer, words) in [
        (r#""result": {}"#, "an end at the wrong time"),
        (
            r#""log": {"stream": "stdout", "line": {"text": "x"}}"#,
            "a line of a log at the wrong time",
        ),
        (
            r#""output": {"stdout": {"text": "x"}}"#,
            "output at the wrong time",
        ),
        (r#""error": {"kind": "io", "message": "no disk"}"#, "no disk"),
    ] {
        let script = format!(r#"read -r line; read -r line; echo '{{"id": 3, {answer}}}'; cat >/dev/null"#);
        let manager = place.manager(place.engine(&greeting(1, &script)));
        let error = manager.watch("other").await.unwrap_err();
        assert!(format!("{error:?}").contains(words), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn end_of_reports_is_an_event() {
    let place = Place::new();
    for (answer, words) in [
        (r#""result": {}"#, "reports nothing more"),
        (r#""started": true"#, "a start at the wrong time"),
        (r#""error": {"kind": "io", "message": "no disk"}"#, "no disk"),
    ] {
        let script = format!(
            r#"read -r line; read -r line; echo '{{"id": 3, "started": true}}'; echo '{{"id": 3, "missed": 0}}'
            echo '{{"id": 3, {answer}}}'; cat >/dev/null"#
        );
        let manager = place.manager(place.engine(&greeting(1, &script)));
        let mut events = manager.subscribe();
        let _watching = manager.watch("other").await.unwrap();
        let mut had_gap = false;
        loop {
            match events.next().await.unwrap().unwrap().kind {
                EventKind::Gap => had_gap = true,
                EventKind::Failed { message, .. } => {
                    assert!(message.contains(words), "{message}");
                    break;
                }
                _ => {}
            }
        }
        assert!(had_gap, "{answer}");
    }
}
