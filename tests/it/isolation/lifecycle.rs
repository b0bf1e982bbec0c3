//! The docker engine on the fake engine: stop, kill, wait, open, and what others change.

use std::sync::Arc;
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{CreateContainer, StopContainer};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, labels};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, EventKind, ForkOptions, Main, Manager,
    Mount, NetworkSpec, Registry, Signal, Status, conformance,
};
use tests::chain;

const IMAGE: &str = "busybox:latest";

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

fn manager(fake: &FakeEngine) -> Manager {
    let mut registry = Registry::new();
    registry.register(engine(fake)).unwrap();
    Manager::new(registry)
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        ..EnvironmentSpec::default()
    }
}

async fn active(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let created = manager.create(&EngineChoice::Auto, spec).await;
    created.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// A client of the fake engine, and the name of its only container.
fn container(fake: &FakeEngine) -> (Docker, String) {
    let name = fake.snapshot().containers.pop_first().unwrap();
    (Docker::with_connector(fake.clone()), name)
}

#[tokio::test(start_paused = true)]
async fn paused_environment_says_how_to_resume_it() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let (docker, name) = container(&fake);
    docker.containers().pause(&name).await.unwrap();
    // Not inspected before: the error of the command shows it.
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    assert!(
        error
            .to_string()
            .contains("is paused; unpause it first: `isolate unpause "),
        "{error}"
    );
    assert_eq!(environment.status(), Status::Paused);
    environment.unpause().await.unwrap();
    environment.run(Command::new(["true"])).await.unwrap();
    environment.pause().await.unwrap();
    environment.stop(Duration::from_secs(1)).await.unwrap();
    assert_eq!(environment.status(), Status::Stopped);
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn metrics_of_a_paused_environment_say_so() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let second = Duration::from_secs(1);
    let before = environment.metrics().await.unwrap();
    assert_eq!((before.is_paused, before.paused), (false, Duration::ZERO));
    environment.pause().await.unwrap();
    for passed in 1..=3 {
        tokio::time::sleep(second).await;
        let sample = environment.metrics().await.unwrap();
        assert!(sample.is_paused, "{sample:?}");
        assert!(sample.paused >= passed * second, "{sample:?}");
    }
    environment.unpause().await.unwrap();
    let after = environment.metrics().await.unwrap();
    assert!(!after.is_paused && after.paused >= 3 * second, "{after:?}");
    tokio::time::sleep(second).await;
    assert_eq!(environment.metrics().await.unwrap().paused, after.paused);
    // The recorded samples have the same values.
    let recorded = environment.metrics_history();
    let paused: Vec<_> = recorded.iter().map(|sample| sample.is_paused).collect();
    assert_eq!(paused, [false, true, true, true, false, false]);
    assert!(recorded[3].paused >= 3 * second, "{:?}", recorded[3]);
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pause_by_somebody_else_counts() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let (docker, name) = container(&fake);
    let containers = docker.containers();
    containers.pause(&name).await.unwrap();
    environment.pause().await.unwrap();
    assert_eq!(environment.status(), Status::Paused);
    containers.unpause(&name).await.unwrap();
    environment.unpause().await.unwrap();
    assert_eq!(environment.status(), Status::Running);
    containers.kill(&name, Default::default()).await.unwrap();
    let error = environment.pause().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    assert_eq!(environment.status(), Status::Stopped);
    environment.start().await.unwrap();
    // The daemon refuses it, and nothing else explains that.
    fake.fail_next("POST", "/pause", Fault::internal_error("cannot freeze"));
    let error = environment.pause().await.unwrap_err();
    assert!(chain(&error).contains("cannot freeze"), "{}", chain(&error));
    tests::scenarios::remove(&docker, &name).await.unwrap();
    let error = environment.pause().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn stop_sends_whole_seconds_and_removal_its_volumes() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    environment.stop(Duration::from_millis(2500)).await.unwrap();
    environment.start().await.unwrap();
    environment.stop(Duration::ZERO).await.unwrap();
    environment.destroy().await.unwrap();
    let requests = fake.requests();
    let sent = |part: &str| requests.iter().any(|request| request.contains(part));
    assert!(sent("/stop?t=3") && sent("/stop?t=0"), "{requests:#?}");
    assert!(sent("v=true") || sent("v=1"), "{requests:#?}");
}

#[tokio::test(start_paused = true)]
async fn environment_removed_by_somebody_else_is_lost() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let mut events = manager.subscribe();
    let (docker, name) = container(&fake);
    tests::scenarios::remove(&docker, &name).await.unwrap();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    assert_eq!(environment.status(), Status::Lost);
    assert_eq!(events.next().await.unwrap().unwrap().kind, EventKind::Lost);
    assert_eq!(environment.start().await.unwrap_err().kind(), ErrorKind::Lost);
    environment.destroy().await.unwrap();
    assert_eq!(environment.status(), Status::Destroyed);
}

#[tokio::test(start_paused = true)]
async fn container_stopped_by_somebody_else_is_noticed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let (docker, name) = container(&fake);
    docker
        .containers()
        .stop(&name, StopContainer::default())
        .await
        .unwrap();
    assert_eq!(environment.status(), Status::Running, "not known yet");
    environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(environment.status(), Status::Stopped);
    environment.start().await.unwrap();
    assert_eq!(
        environment.run(Command::shell("exit 4")).await.unwrap().exit.code,
        4
    );
    environment.destroy().await.unwrap();
}

/// An image that was made from a container of ours has its labels, and gives them to containers.
#[tokio::test(start_paused = true)]
async fn container_with_inherited_labels_is_not_ours() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let docker = Docker::with_connector(fake.clone());
    let inherited = [(labels::ENVIRONMENT, environment.id().as_str())]
        .into_iter()
        .collect();
    let stranger = CreateContainer {
        name: Some("stranger".into()),
        image: IMAGE.into(),
        labels: inherited,
        ..CreateContainer::default()
    };
    docker.containers().create(stranger).await.unwrap();
    let (listed, _) = manager.registry().list().await;
    assert_eq!(listed.len(), 1);
    let other = self::manager(&fake);
    let opened = other.open(environment.id().as_str()).await.unwrap();
    opened.destroy().await.unwrap();
    let left: Vec<String> = fake.snapshot().containers.into_iter().collect();
    assert_eq!(left, ["stranger"]);
    let gone = other.open(environment.id().as_str()).await;
    assert!(gone.unwrap_err().is_not_found());
}

#[tokio::test(start_paused = true)]
async fn label_that_is_damaged_is_corrupt() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let id = isolation::EnvironmentId::random();
    let docker = Docker::with_connector(fake.clone());
    let damaged = [
        (labels::ENVIRONMENT, id.as_str()),
        (labels::SPEC, "{\"imgae\": 1}"),
    ];
    let container = CreateContainer {
        name: Some(format!("ptest_{id}")),
        image: IMAGE.into(),
        labels: damaged.into_iter().collect(),
        ..CreateContainer::default()
    };
    docker.containers().create(container).await.unwrap();
    let error = manager(&fake).open(id.as_str()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", chain(&error));
    assert!(error.to_string().contains("imgae"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn missing_volume_is_an_error_and_is_not_created() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let mounts = vec![Mount::volume("no-such-volume", "/data")];
    let manager = manager(&fake);
    let created = manager.create(&EngineChoice::Auto, EnvironmentSpec { mounts, ..spec() });
    let error = created.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    assert!(
        error.to_string().contains("isolate volume create no-such-volume"),
        "{error}"
    );
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn main_process_is_waited_for_and_has_events() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let mut events = manager.subscribe();
    let main = Main::Command(Command::shell("sleep 30; exit 5"));
    let environment = active(&manager, EnvironmentSpec { main, ..spec() }).await;
    assert_eq!(
        environment.run(Command::shell("exit 2")).await.unwrap().exit.code,
        2
    );
    assert_eq!(environment.wait().await.unwrap().code, 5);
    environment.destroy().await.unwrap();
    drop(environment);
    drop(manager);
    let mut kinds = Vec::new();
    while let Some(event) = events.next().await {
        kinds.push(event.unwrap().kind);
    }
    let exited = |kind: &EventKind| matches!(kind, EventKind::Exited { exit } if exit.code == 5);
    assert_eq!(kinds.iter().filter(|kind| exited(kind)).count(), 1, "{kinds:#?}");
    assert_eq!(kinds.last(), Some(&EventKind::Destroyed));
}

/// `MODEL_SEED=7` repeats the walk with this seed. On the real clock, see the conformance suite.
#[tokio::test]
async fn random_walk_agrees_with_the_model() {
    let given = std::env::var("MODEL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let fake = FakeEngine::new().with_image(IMAGE);
    for seed in [1, given.unwrap_or_else(|| time.into())] {
        let walked = conformance::walk(Arc::new(engine(&fake)), &spec, seed, 200).await;
        walked.unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(fake.resources(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn endpoint_before_a_restart_names_the_new_one() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let spec = EnvironmentSpec {
        network: NetworkSpec {
            ports: vec![80.into()],
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let environment = active(&manager, spec).await;
    let before = environment.endpoint(80).await.unwrap();
    environment.stop(Duration::ZERO).await.unwrap();
    let error = environment.connect(&before).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    // Docker would choose the same port again only by chance.
    fake.occupy_port(before.host_port);
    environment.start().await.unwrap();
    let now = environment.endpoint(80).await.unwrap();
    assert_ne!(now, before);
    let error = environment.connect(&before).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(
        text.contains(&format!("restarted; the port is now at {now}")),
        "{text}"
    );
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn chosen_port_that_is_taken_is_chosen_again() {
    let taken = "Bind for 127.0.0.1:49153 failed: port is already allocated";
    for (failures, port, starts) in [(2, "80", true), (3, "80", false), (1, "8080:80", false)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        for _ in 0..failures {
            fake.fail_next("POST", "/start", Fault::internal_error(taken));
        }
        let manager = manager(&fake);
        let spec = EnvironmentSpec {
            network: NetworkSpec {
                ports: vec![port.parse().unwrap()],
                ..NetworkSpec::default()
            },
            ..spec()
        };
        match manager.create(&EngineChoice::Auto, spec).await {
            Ok(environment) => {
                assert!(starts, "{port} after {failures} failures");
                environment.destroy().await.unwrap();
            }
            Err(error) => {
                assert!(!starts, "{port} after {failures} failures: {}", chain(&error));
                assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
            }
        }
        assert_eq!(fake.resources(), [""; 0], "{port} after {failures} failures");
    }
}

/// The end by the signal itself is a live test.
#[tokio::test(start_paused = true)]
async fn stop_with_a_signal_needs_a_main_process() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let idle = active(&manager, spec()).await;
    let error = idle
        .stop_with(Signal::Interrupt, Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    idle.stop_with(Signal::Kill, Duration::ZERO).await.unwrap();
    assert_eq!(idle.status(), Status::Stopped);
    // A second stop does nothing.
    idle.stop_with(Signal::Interrupt, Duration::ZERO).await.unwrap();
}

/// Nothing is asked twice, the description of the daemon not at all.
#[tokio::test]
async fn fork_takes_few_requests() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake);
    let environment = active(&manager, spec()).await;
    let before = fake.requests().len();
    let forks = manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    let requests = fake.requests().split_off(before);
    let count = |part: &str| requests.iter().filter(|one| one.contains(part)).count();
    let counts = ["/info", "/commit", "/images/load", "/pause", "/unpause", "DELETE"].map(count);
    assert_eq!(counts, [0, 1, 1, 1, 1, 1], "{requests:#?}");
    assert!(requests.len() <= 12, "{requests:#?}");
    drop(forks);
}
