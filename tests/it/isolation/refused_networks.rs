//! Networks whose name is taken, that do not fit a specification, or about which the daemon answers
//! with an error.

use engine_api::Docker;
use engine_api::containers::{CreateContainer, InspectContainer, StartContainer};
use engine_api::networks::{ConnectNetwork, CreateNetwork, InspectNetwork};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, NetworkOptions, labels};
use isolation::{EnvironmentId, EnvironmentSpec, ErrorKind, Lifetime, NetworkMode, NetworkSpec, OwnNetwork};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, create, on, settle, spec};
use super::noted::remove;

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

async fn make(fake: &FakeEngine, network: CreateNetwork) {
    let docker = Docker::with_connector(fake.clone());
    docker.networks().create(network).await.unwrap();
}

fn with_network(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec { network, ..spec() }
}

fn owning(name: &str) -> EnvironmentSpec {
    let own = OwnNetwork {
        name: Some(name.to_owned()),
        ..OwnNetwork::default()
    };
    with_network(NetworkSpec {
        mode: NetworkMode::Named("n".to_owned()),
        own: [("n".to_owned(), own)].into(),
        ..NetworkSpec::default()
    })
}

#[tokio::test(start_paused = true)]
async fn name_of_an_own_network_must_be_free() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let taken = CreateNetwork {
        name: "taken".to_owned(),
        ..CreateNetwork::default()
    };
    make(&fake, taken).await;
    let error = create(&manager, owning("taken")).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(
        text.contains("the daemon has a network with the name taken already"),
        "{text}"
    );
    fake.fail_next("GET", "/networks/free", Fault::internal_error("cannot look"));
    let error = create(&manager, owning("free")).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    settle().await;
    assert_eq!(fake.resources(), ["network taken"]);
    let environment = create(&manager, owning("free")).await.unwrap();
    assert!(
        fake.snapshot().networks.contains("free"),
        "{:?}",
        fake.resources()
    );
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network taken"]);
}

#[tokio::test(start_paused = true)]
async fn internal_network_publishes_only_named_ports() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let closed = CreateNetwork {
        name: "closed".to_owned(),
        internal: true,
        ..CreateNetwork::default()
    };
    make(&fake, closed).await;
    let all = with_network(NetworkSpec {
        mode: NetworkMode::Named("closed".to_owned()),
        publish_all: true,
        ..NetworkSpec::default()
    });
    let error = create(&on(&fake), all).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    assert!(text.contains("name them, without publish_all"), "{text}");
    assert_eq!(fake.resources(), ["network closed"]);
}

#[tokio::test(start_paused = true)]
async fn name_is_one_alias_on_a_network() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let docker = Docker::with_connector(fake.clone());
    for name in ["first", "second"] {
        let network = CreateNetwork {
            name: name.to_owned(),
            ..CreateNetwork::default()
        };
        make(&fake, network).await;
    }
    // The second one has a name that no host can have.
    for (name, alias, expected) in [("web", "web", 1), ("größe", "other", 0)] {
        let on_first = EnvironmentSpec {
            name: Some(name.to_owned()),
            ..with_network(NetworkSpec {
                mode: NetworkMode::Named("first".to_owned()),
                aliases: vec![alias.to_owned()],
                ..NetworkSpec::default()
            })
        };
        let environment = create(&manager, on_first).await.unwrap();
        environment.connect_network("second", &[]).await.unwrap();
        let container = fake.snapshot().containers.pop_first().unwrap();
        let containers = docker.containers();
        let found = containers.inspect(&container, InspectContainer::default()).await;
        let networks = found.unwrap().network_settings.networks;
        for network in ["first", "second"] {
            let aliases = &networks[network].aliases;
            let count = aliases.iter().filter(|alias| *alias == name).count();
            assert_eq!(count, expected, "{network}: {aliases:?}");
        }
        environment.destroy().await.unwrap();
    }
    assert_eq!(fake.resources(), ["network first", "network second"]);
}

#[tokio::test(start_paused = true)]
async fn network_that_cannot_be_looked_at_stays() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let private = || {
        with_network(NetworkSpec {
            mode: NetworkMode::Private,
            ..NetworkSpec::default()
        })
    };
    let environment = create(&manager, private()).await.unwrap();
    let network = environment.inspect().await.unwrap().details["network"].clone();
    let path = format!("/networks/{network}");
    fake.fail_next("GET", &path, Fault::internal_error("cannot look"));
    let error = environment.destroy().await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    assert!(fake.snapshot().networks.contains(&network));
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
    // Somebody has removed it.
    let environment = create(&manager, private()).await.unwrap();
    let network = environment.inspect().await.unwrap().details["network"].clone();
    let path = format!("/networks/{network}");
    let (status, message) = (404, "no such network".to_owned());
    fake.fail_next("GET", &path, Fault::Error { status, message });
    environment.destroy().await.unwrap();
    settle().await;
    assert!(fake.snapshot().containers.is_empty());
    assert_eq!(fake.resources(), [""; 0]);
    let error = engine(&fake)
        .networks()
        .create(NetworkOptions {
            lifetime: Lifetime::Shared,
            ..NetworkOptions::default()
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
}

/// A network of this environment, and a container of somebody else on it; returns the ID of that.
async fn joined_by_a_stranger(fake: &FakeEngine, id: &EnvironmentId) -> String {
    let docker = Docker::with_connector(fake.clone());
    let network = CreateNetwork {
        name: "left".to_owned(),
        labels: [(labels::ENVIRONMENT, id.as_str())].into_iter().collect(),
        ..CreateNetwork::default()
    };
    make(fake, network).await;
    let stranger = CreateContainer {
        name: Some("stranger".to_owned()),
        image: IMAGE.to_owned(),
        cmd: ["sleep", "1000"].into(),
        ..CreateContainer::default()
    };
    let containers = docker.containers();
    let made = containers.create(stranger).await.unwrap();
    let started = containers.start("stranger", StartContainer::default()).await;
    started.unwrap();
    let join = ConnectNetwork {
        container: "stranger".to_owned(),
        ..ConnectNetwork::default()
    };
    docker.networks().connect("left", join).await.unwrap();
    made.id
}

#[tokio::test(start_paused = true)]
async fn left_network_with_a_container_is_in_use() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let id = EnvironmentId::random();
    let stranger = joined_by_a_stranger(&fake, &id).await;
    let note = || json!([{"kind": "network", "name": "left"}]);
    let answer = remove(engine(&fake), &id, note()).await;
    assert_eq!(answer["error"]["kind"], "conflict", "{answer}");
    let text = answer["error"].to_string();
    assert!(
        text.contains("left is used by stranger; remove those first"),
        "{answer}"
    );
    assert!(fake.snapshot().networks.contains("left"));
    // A daemon that was killed keeps containers on a network that do not exist.
    let (status, message) = (404, "No such container".to_owned());
    let path = format!("/{stranger}/json");
    fake.fail_next("GET", &path, Fault::Error { status, message });
    let answer = remove(engine(&fake), &id, note()).await;
    assert_eq!(answer["result"]["removed"], true, "{answer}");
    assert_eq!(fake.resources(), ["container stranger"]);
    let docker = Docker::with_connector(fake.clone());
    let gone = docker.networks().inspect("left", InspectNetwork::default()).await;
    assert!(gone.unwrap_err().is_not_found());
}
