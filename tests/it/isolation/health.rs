//! Health checks of the docker engine: when a ready service is noticed, and what a failure says.

use std::error::Error as _;
use std::time::Duration;

use engine_api::containers::{Health, HealthStatus, InspectContainer};
use engine_api::{Docker, Version};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, HealthSpec, Lifetime, Main, Manager, NotReady,
    Registry, WaitFor,
};
use tests::chain;
use tokio::time::Instant;

use super::docker_engine::{IMAGE, create, on, spec};

const INTERVAL: Duration = Duration::from_secs(2);

/// The moment at which the service becomes ready, after its start.
const READY: Duration = Duration::from_millis(8_300);

fn service(check: Command) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell("sleep 8.3; touch /ready; sleep 1000")),
        health: Some(HealthSpec {
            check: Some(check),
            interval: Some(INTERVAL),
            start_period: Some(Duration::from_secs(60)),
            ..HealthSpec::default()
        }),
        ..spec()
    }
}

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn is_ready() -> Command {
    Command::new(["test", "-e", "/ready"])
}

/// The health of the only container as the daemon has found it.
async fn of_daemon(fake: &FakeEngine) -> Health {
    let name = fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let found = containers.inspect(&name, InspectContainer::default()).await;
    found.unwrap().state.health.unwrap()
}

#[tokio::test(start_paused = true)]
async fn health_of_a_ready_service_is_noticed_soon() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = made(&manager, service(is_ready())).await;
    let began = Instant::now();
    environment
        .wait_until(&WaitFor::Healthy, Duration::from_secs(60))
        .await
        .unwrap();
    let took = began.elapsed();
    assert!(took >= READY - INTERVAL && took <= READY + INTERVAL, "{took:?}");
    environment.destroy().await.unwrap();
}

/// A daemon that is not told otherwise checks every five seconds in the start period.
#[tokio::test(start_paused = true)]
async fn daemon_notices_a_ready_service_within_an_interval() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..service(is_ready())
    };
    let environment = made(&manager, kept).await;
    let began = Instant::now();
    while of_daemon(&fake).await.status != HealthStatus::Healthy {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    // The request for the status takes a moment of the clock.
    let late = INTERVAL + Duration::from_millis(100);
    assert!(took >= READY - INTERVAL && took <= READY + late, "{took:?}");
    environment.destroy().await.unwrap();
}

/// Older daemons have one interval for all checks, and reject another one.
#[tokio::test(start_paused = true)]
async fn start_interval_is_for_daemons_that_know_it() {
    for (version, expected) in [(Version::new(1, 43), 0), (Version::new(1, 44), 2_000_000_000)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let docker = Docker::with_connector(fake.clone()).with_version(version);
        let mut registry = Registry::new();
        registry.register(DockerEngine::new(docker)).unwrap();
        let manager = Manager::new(registry);
        let kept = EnvironmentSpec {
            lifetime: Lifetime::Kept,
            ..service(is_ready())
        };
        let environment = made(&manager, kept).await;
        let name = fake.snapshot().containers.pop_first().unwrap();
        let newest = Docker::with_connector(fake.clone());
        let containers = newest.containers();
        let found = containers.inspect(&name, InspectContainer::default()).await;
        let check = found.unwrap().config.healthcheck.unwrap();
        assert_eq!(check.start_interval, expected, "{version}");
        assert_eq!(check.start_period, 60_000_000_000, "{version}");
        environment.destroy().await.unwrap();
    }
}

/// The checks print a number that grows, so that the results differ.
#[tokio::test(start_paused = true)]
async fn failed_health_check_shows_its_last_five_results() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let counts = "n=0; [ -e /count ] && read n </count; n=$((n + 1)); echo $n >/count; echo check $n; exit 1";
    let mut failing = service(Command::shell(counts));
    failing.health.as_mut().unwrap().start_period = None;
    failing.health.as_mut().unwrap().retries = Some(4);
    let environment = made(&manager, failing).await;
    // The checks go on while the log is read for the error.
    fake.fail_next("GET", "/logs", Fault::Delay(2 * INTERVAL));
    let waited = environment
        .wait_until(&WaitFor::Healthy, Duration::from_secs(100))
        .await;
    let error = waited.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Unhealthy, "{text}");
    let source = error.source().unwrap();
    let not_ready = source.downcast_ref::<NotReady>().unwrap();
    let outputs: Vec<&str> = not_ready.checks.iter().map(|check| check.output.trim()).collect();
    assert_eq!(outputs.len(), 5, "{outputs:?}");
    let numbers: Vec<u32> = outputs
        .iter()
        .map(|output| output.strip_prefix("check ").unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted() && numbers[0] > 1, "{numbers:?}");
    for output in outputs {
        assert!(text.contains(&format!("exit code 1: {output}")), "{text}");
    }
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failed_wait_for_another_condition_has_no_checks() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = made(&manager, service(is_ready())).await;
    let condition = WaitFor::File("/no/such".to_owned());
    let error = environment
        .wait_until(&condition, Duration::from_secs(3))
        .await
        .unwrap_err();
    let source = error.source().unwrap();
    let not_ready = source.downcast_ref::<NotReady>().unwrap();
    assert_eq!(not_ready.checks, [], "{}", chain(&error));
    environment.destroy().await.unwrap();
}

/// The times are those of the daemon, which runs the check of the image, too.
#[tokio::test(start_paused = true)]
async fn check_of_an_image_ends_the_wait_for_health() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let container = engine_api::containers::CreateContainer {
        name: Some("made".to_owned()),
        image: IMAGE.to_owned(),
        ..Default::default()
    };
    docker.containers().create(container).await.unwrap();
    let config = br#"{"Cmd": ["sleep", "100000"], "Healthcheck":
        {"Test": ["CMD", "false"], "Interval": 1000000000, "Retries": 3}}"#;
    let image = engine_api::images::CommitImage {
        repo: "checked".to_owned(),
        config: Some(engine_api::from_json(config).unwrap()),
        ..Default::default()
    };
    docker.images().commit("made", image).await.unwrap();
    tests::scenarios::remove(&docker, "made").await.unwrap();
    let manager = on(&fake);
    let checked = EnvironmentSpec {
        image: Some("checked:latest".to_owned()),
        main: Main::Image,
        ..EnvironmentSpec::default()
    };
    let environment = made(&manager, checked).await;
    let container = fake.snapshot().containers.pop_first().unwrap();
    for _ in 0..20 {
        let unhealthy = serde_json::json!({"State": {"Health": {"Status": "unhealthy"}}});
        let path = format!("/{container}/json");
        fake.fail_next("GET", &path, Fault::Patch(unhealthy));
    }
    let waited = environment
        .wait_until(&WaitFor::Healthy, Duration::from_secs(100))
        .await;
    let error = waited.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unhealthy, "{}", chain(&error));
    fake.reset();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
