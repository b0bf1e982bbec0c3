//! The effects of the keys of a configuration, on the fake engine.

use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::config::{Config, DockerConfig};
use isolation::engines::docker::DockerEngine;
use isolation::{
    EngineChoice, Environment, EnvironmentSpec, ErrorKind, Event, EventKind, Feature, Manager, Registry,
    ResourceLimits, Result,
};
use serde_json::{Value, json};
use tests::chain;

fn manager(fake: &FakeEngine, docker: &Value) -> Manager {
    let config = Config::from_json(&json!({ "docker": docker }).to_string()).unwrap();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let mut registry = Registry::new();
    registry
        .register(config.docker.configure(engine).unwrap())
        .unwrap();
    Manager::new(registry)
}

async fn create(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    manager.create(&EngineChoice::Auto, spec).await
}

/// Fails to create an environment; returns the error. Nothing is left.
async fn failure(fake: &FakeEngine, docker: &Value) -> isolation::Error {
    let began = tokio::time::Instant::now();
    let error = create(&manager(fake, docker), EnvironmentSpec::default())
        .await
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", chain(&error));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(fake.resources(), [""; 0]);
    error
}

#[tokio::test(start_paused = true)]
async fn container_timeout_limits_creation_and_start() {
    for path in ["/containers/create", "/start"] {
        for fault in [Fault::StallBefore, Fault::StallAfter] {
            let fake = FakeEngine::new().with_image("app");
            fake.fail_next("POST", path, fault);
            let docker = json!({ "default_image": "app", "container_timeout": 20 });
            let text = chain(&failure(&fake, &docker).await);
            assert!(
                text.contains("longer than 20.0 s") && text.contains("docker.container_timeout"),
                "{text}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pull_timeout_limits_a_pull_only() {
    let fake = FakeEngine::new().with_registry_image("app");
    fake.set_pull_delay(Duration::from_secs(40));
    let docker = json!({ "default_image": "app", "pull_timeout": "30s" });
    let text = chain(&failure(&fake, &docker).await);
    assert!(text.contains("docker.pull_timeout"), "{text}");
    // The time of a pull does not count for the container.
    let docker = json!({ "default_image": "app", "pull_timeout": 41, "container_timeout": 5 });
    let manager = manager(&fake, &docker);
    create(&manager, EnvironmentSpec::default()).await.unwrap();
    manager.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn default_registry_completes_names_of_images() {
    let fake = FakeEngine::new().with_registry_image("registry.test/team/app:1");
    let docker = json!({ "default_registry": "registry.test" });
    let manager = manager(&fake, &docker);
    let mut environments = Vec::new();
    for image in ["team/app:1", "registry.test/team/app:1"] {
        let image = Some(image.to_owned());
        let environment = create(
            &manager,
            EnvironmentSpec {
                image,
                ..EnvironmentSpec::default()
            },
        )
        .await;
        environments.push(environment.unwrap_or_else(|error| panic!("{}", chain(&error))));
    }
    let docker = Docker::with_connector(fake.clone());
    let options = engine_api::containers::ListContainers::default();
    let listed = docker.containers().list(options).await.unwrap();
    let images: Vec<_> = listed.into_iter().map(|one| one.image).collect();
    assert_eq!(images, ["registry.test/team/app:1"; 2]);
    manager.shutdown().await.unwrap();
}

/// The default limits that were ignored, in the events so far.
async fn ignored(events: &mut isolation::Subscription) -> Vec<Feature> {
    let mut found = Vec::new();
    loop {
        match events.next().await.unwrap().unwrap() {
            Event {
                kind: EventKind::DefaultLimitIgnored { limit, reason },
                ..
            } => {
                assert!(!reason.is_empty());
                found.push(limit);
            }
            Event {
                kind: EventKind::Started,
                ..
            } => return found,
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn default_limit_without_effect_is_an_event() {
    let fake = FakeEngine::new().with_image("app");
    fake.set_info("MemoryLimit", false.into());
    let manager = manager(&fake, &json!({ "default_image": "app" }));
    let mut events = manager.subscribe();
    let _environment = create(&manager, EnvironmentSpec::default()).await.unwrap();
    assert!(ignored(&mut events).await.contains(&Feature::MemoryLimit));
    // A limit that is asked for is an error, also if it is the default.
    let limits = ResourceLimits {
        memory: Some(512 << 20),
        ..ResourceLimits::default()
    };
    let error = create(
        &manager,
        EnvironmentSpec {
            limits,
            ..EnvironmentSpec::default()
        },
    )
    .await
    .unwrap_err();
    assert!(chain(&error).contains("memory limit"), "{}", chain(&error));
    manager.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn default_limits_are_those_of_the_container() {
    let fake = FakeEngine::new().with_image("app");
    let manager = manager(
        &fake,
        &json!({ "default_image": "app", "resource_limits": { "pids": 77 } }),
    );
    let environment = create(&manager, EnvironmentSpec::default()).await.unwrap();
    let docker = Docker::with_connector(fake.clone());
    let container = environment.inspect().await.unwrap().details["container"].clone();
    let host = docker
        .containers()
        .inspect(&container, Default::default())
        .await
        .unwrap()
        .host_config;
    assert_eq!(
        (host.memory, host.nano_cpus, host.pids_limit),
        (512 << 20, 1_000_000_000, Some(77))
    );
    manager.shutdown().await.unwrap();
    assert_eq!(
        DockerConfig::default().engine().unwrap().settings().limits.memory,
        Some(512 << 20)
    );
}
