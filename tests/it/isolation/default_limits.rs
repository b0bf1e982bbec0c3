//! The default limits on a daemon that drops none of them silently, on the fake engine.

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use fake_engine::{FakeEngine, Fault};
use isolation::config::Config;
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, EngineChoice, EnvironmentSpec, EventKind, Feature, Lifetime, Manager, Registry, ResourceLimits,
};
use serde_json::json;

/// The fake engine in the place of a recording: a daemon behind a socket of root.
#[derive(Debug)]
struct Replay(FakeEngine);

impl Connector for Replay {
    fn connect(&self) -> Connecting<'_> {
        self.0.connect()
    }

    fn address(&self) -> String {
        "replay://fake".to_owned()
    }
}

fn manager(fake: &FakeEngine) -> Manager {
    let config = Config::from_json(&json!({ "docker": { "default_image": "app" } }).to_string()).unwrap();
    let engine = DockerEngine::new(Docker::with_connector(Replay(fake.clone())));
    let mut registry = Registry::new();
    registry
        .register(config.docker.configure(engine).unwrap())
        .unwrap();
    Manager::new(registry)
}

fn asks(fake: &FakeEngine, end: &str) -> usize {
    fake.requests()
        .iter()
        .filter(|request| request.ends_with(end))
        .count()
}

#[tokio::test(start_paused = true)]
async fn default_limits_need_no_question() {
    let fake = FakeEngine::new().with_image("app");
    let manager = manager(&fake);
    let create = |spec: EnvironmentSpec| manager.create(&EngineChoice::Auto, spec);
    let environment = create(EnvironmentSpec::default()).await.unwrap();
    assert!(
        environment
            .run(Command::new(["true"]))
            .await
            .unwrap()
            .exit
            .success()
    );
    for unneeded in ["/info", "/version"] {
        assert_eq!(asks(&fake, unneeded), 0, "{:?}", fake.requests());
    }
    let host = fake
        .snapshot()
        .containers
        .pop_first()
        .expect("the container exists");
    let inspected = Docker::with_connector(fake.clone());
    let inspected = inspected.containers();
    let options = engine_api::containers::InspectContainer::default();
    let host = inspected.inspect(&host, options).await.unwrap().host_config;
    assert!(host.memory > 0 && host.nano_cpus > 0);
    // A limit that is asked for is checked before.
    fake.set_info("MemoryLimit", false.into());
    let asked = ResourceLimits {
        memory: Some(64 << 20),
        ..ResourceLimits::default()
    };
    let asked = EnvironmentSpec {
        limits: asked,
        ..EnvironmentSpec::default()
    };
    let docker = EngineChoice::Named("docker".to_owned());
    let error = manager.create(&docker, asked).await.unwrap_err();
    assert_eq!(error.missing()[0].feature, Feature::MemoryLimit);
    assert_eq!((asks(&fake, "/info"), asks(&fake, "/version")), (1, 0));
    manager.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn environment_that_is_kept_asks_for_its_limits() {
    let fake = FakeEngine::new().with_image("app");
    let manager = manager(&fake);
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, kept).await.unwrap();
    assert_eq!(asks(&fake, "/info"), 1);
    environment.destroy().await.unwrap();
}

/// A kernel without the scheduler for CPU limits: Docker refuses the container.
#[tokio::test(start_paused = true)]
async fn default_limit_that_is_refused_is_left_out() {
    let fake = FakeEngine::new().with_image("app");
    let message = "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the \
                   cgroup is not mounted";
    let (status, message) = (400, message.to_owned());
    fake.fail_next("POST", "/containers/create", Fault::Error { status, message });
    let manager = manager(&fake);
    let mut events = manager.subscribe();
    let environment = manager.create(&EngineChoice::Auto, EnvironmentSpec::default());
    let environment = environment.await.unwrap();
    let ignored = loop {
        if let EventKind::DefaultLimitIgnored { limit, .. } = events.next().await.unwrap().unwrap().kind {
            break limit;
        }
    };
    assert_eq!(ignored, Feature::CpuLimit);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
