//! Differences between daemons, and what is said about them: an init program, logs, files of other
//! machines, names on networks.

use std::path::PathBuf;

use engine_api::connect::{Connecting, Connector};
use engine_api::containers::InspectContainer;
use engine_api::networks::CreateNetwork;
use engine_api::{Docker, Version};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, NetworkOptions};
use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, EventKind, LogOptions, LogOrigin, Main, Manager, Mount,
    NetworkMode, NetworkSpec, Registry, Subscription,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, spec};

fn manager_of(docker: Docker) -> Manager {
    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker)).unwrap();
    Manager::new(registry)
}

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// The warnings so far. The manager must have been dropped.
async fn warnings(mut events: Subscription) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::Warning { message } = event.unwrap().kind {
            found.push(message);
        }
    }
    found
}

fn service() -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell("sleep 100")),
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn missing_init_program_is_a_warning() {
    let missing = "exec: \"docker-init\": executable file not found in $PATH";
    for (path, first) in [("/start", "POST"), ("/containers/create", "POST")] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let manager = on(&fake);
        let events = manager.subscribe();
        fake.fail_next(first, path, Fault::internal_error(missing));
        let environment = made(&manager, service()).await;
        environment.destroy().await.unwrap();
        drop((environment, manager));
        let said = warnings(events).await;
        assert_eq!(said.len(), 1, "{path}: {said:?}");
        assert!(said[0].contains("no init program"), "{path}: {said:?}");
        assert_eq!(fake.resources(), [""; 0], "{path}");
    }
}

/// The driver of the log of the only container.
async fn log_driver(fake: &FakeEngine) -> String {
    let name = fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let found = containers.inspect(&name, InspectContainer::default()).await;
    found.unwrap().host_config.log_config.driver
}

#[tokio::test(start_paused = true)]
async fn broken_default_log_is_replaced() {
    let broken = "failed to create task for container: failed to initialize logging driver: dial udp: lookup \
                  gelf.test: no such host";
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    fake.fail_next("POST", "/start", Fault::internal_error(broken));
    let environment = made(&manager, spec()).await;
    assert_eq!(log_driver(&fake).await, "json-file");
    environment.destroy().await.unwrap();
    // A main process always has this log.
    let environment = made(&manager, service()).await;
    assert_eq!(log_driver(&fake).await, "json-file");
    environment.destroy().await.unwrap();
    fake.fail_next("POST", "/start", Fault::internal_error(broken));
    let error = create(&manager, service()).await.unwrap_err();
    assert!(chain(&error).contains("logging driver"), "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn log_that_cannot_be_read_is_unsupported() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = made(&manager, service()).await;
    let text = "configured logging driver does not support reading";
    let fault = Fault::Error {
        status: 501,
        message: text.to_owned(),
    };
    fake.fail_next("GET", "/logs", fault);
    let options = LogOptions {
        origin: Some(LogOrigin::Main),
        ..LogOptions::default()
    };
    let error = environment.logs(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    assert!(chain(&error).contains(text), "{}", chain(&error));
    environment.destroy().await.unwrap();
}

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

#[tokio::test(start_paused = true)]
async fn exhausted_pools_of_another_machine_say_where() {
    let fake = FakeEngine::new();
    let far = DockerEngine::new(Docker::with_connector(Far(fake.clone())));
    let mut all = Vec::new();
    let error = loop {
        match far.networks().create(NetworkOptions::default()).await {
            Ok(network) => all.push(network),
            Err(error) => break error,
        }
        assert!(all.len() < 100);
    };
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
    let words = ["tcp://docker.test:2375", "address pools", "default-address-pools"];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    for network in all.drain(1..) {
        network.remove().await.unwrap();
    }
    // Its routes cannot be listed here, so only the daemon knows what overlaps.
    let options = NetworkOptions {
        subnet: Some(all[0].info().subnets[0].parse().unwrap()),
        ..NetworkOptions::default()
    };
    let error = far.networks().create(options).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(text.contains("routes cannot be listed"), "{text}");
}

fn mounting(source: PathBuf) -> EnvironmentSpec {
    EnvironmentSpec {
        mounts: vec![Mount::host(source, "/data")],
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn mount_of_files_elsewhere_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let fake = FakeEngine::new().with_image(IMAGE);
    let far = manager_of(Docker::with_connector(Far(fake.clone())));
    for file in [None, Some("file.txt")] {
        if let Some(name) = file {
            std::fs::write(path.join(name), "content").unwrap();
        }
        let error = create(&far, mounting(path.clone())).await.unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}");
        let words = ["docker.test", "isolate cp", file.unwrap_or(".isolate-mount-")];
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(fake.resources(), [""; 0]);
    }
    let left: Vec<_> = std::fs::read_dir(&path).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    // A daemon on this machine is not asked.
    let near = on(&fake);
    fake.reset();
    let environment = made(&near, mounting(path)).await;
    let stats = fake.requests();
    assert!(
        !stats.iter().any(|request| request.starts_with("HEAD /v")),
        "{stats:?}"
    );
    environment.destroy().await.unwrap();
}

fn internal() -> EnvironmentSpec {
    EnvironmentSpec {
        network: NetworkSpec {
            mode: NetworkMode::Private,
            internal: true,
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn network_that_is_not_sealed_is_a_warning() {
    for (version, warned) in [(Version::new(1, 47), true), (Version::new(1, 48), false)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let manager = manager_of(Docker::with_connector(fake.clone()).with_version(version));
        let events = manager.subscribe();
        let environment = made(&manager, internal()).await;
        environment.destroy().await.unwrap();
        drop((environment, manager));
        let said = warnings(events).await;
        let about_it = said
            .iter()
            .filter(|message| message.contains("the network is internal"));
        assert_eq!(about_it.count(), usize::from(warned), "{version}: {said:?}");
    }
}

fn named(name: &str, networks: &[&str]) -> EnvironmentSpec {
    let (first, others) = networks.split_first().unwrap();
    EnvironmentSpec {
        name: Some(name.to_owned()),
        network: NetworkSpec {
            mode: NetworkMode::Named((*first).to_owned()),
            join: others.iter().map(|name| (*name).to_owned()).collect(),
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

/// The aliases of an environment on a network.
async fn aliases(docker: &Docker, environment: &Environment, network: &str) -> Vec<String> {
    let container = environment.inspect().await.unwrap().details["container"].clone();
    let containers = docker.containers();
    let found = containers.inspect(&container, InspectContainer::default()).await;
    let found = found.unwrap();
    found.network_settings.networks[network].aliases.to_vec()
}

#[tokio::test(start_paused = true)]
async fn name_is_an_alias_on_networks_of_others() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    for name in ["one", "two"] {
        let network = CreateNetwork {
            name: name.to_owned(),
            ..CreateNetwork::default()
        };
        docker.networks().create(network).await.unwrap();
    }
    let manager = on(&fake);
    let events = manager.subscribe();
    let web = made(&manager, named("web", &["one", "two"])).await;
    for network in ["one", "two"] {
        let found = aliases(&docker, &web, network).await;
        assert!(found.contains(&"web".to_owned()), "{network}: {found:?}");
    }
    // Names are not unique, so the second one is another container.
    let second = made(&manager, named("web", &["one"])).await;
    let found = aliases(&docker, &second, "one").await;
    assert!(!found.contains(&"web".to_owned()), "{found:?}");
    let odd = made(&manager, named("größe 7", &["one"])).await;
    // The same is so for a network that it joins later.
    second.connect_network("two", &[]).await.unwrap();
    assert!(!aliases(&docker, &second, "two").await.contains(&"web".to_owned()));
    let later = made(&manager, named("later", &["one"])).await;
    later.connect_network("two", &[]).await.unwrap();
    assert!(
        aliases(&docker, &later, "two")
            .await
            .contains(&"later".to_owned())
    );
    // The default network has no names.
    let plain = made(&manager, named("plain", &["bridge"])).await;
    let found = aliases(&docker, &plain, "bridge").await;
    assert!(!found.contains(&"plain".to_owned()), "{found:?}");
    for environment in [web, second, odd, later, plain] {
        environment.destroy().await.unwrap();
    }
    drop(manager);
    let said = warnings(events).await;
    let about_it = said.iter().filter(|message| message.contains("its name web"));
    assert_eq!(about_it.count(), 1, "{said:?}");
}
