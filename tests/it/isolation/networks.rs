//! Networks of the docker engine: their subnets, and who is on them.

use engine_api::Docker;
use engine_api::networks::{CreateNetwork, IpamConfig};
use fake_engine::FakeEngine;
use isolation::engines::docker::{DockerEngine, DockerSettings, NetworkOptions};
use isolation::{
    Environment, EnvironmentSpec, ErrorKind, Lifetime, Manager, NetworkMode, NetworkSpec, OwnNetwork,
    Registry, Result,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, settle, spec};

/// An engine that prefers a subnet for its networks.
fn preferring(fake: &FakeEngine, subnet: &str) -> DockerEngine {
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let settings = DockerSettings {
        network_subnet: Some(subnet.parse().unwrap()),
        ..DockerSettings::default()
    };
    engine.with_settings(settings).unwrap()
}

fn manager_of(engine: DockerEngine) -> Manager {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    Manager::new(registry)
}

async fn strange_network(fake: &FakeEngine, name: &str, subnet: &str) {
    let mut network = CreateNetwork {
        name: name.to_owned(),
        ..CreateNetwork::default()
    };
    network
        .ipam
        .config
        .extend((!subnet.is_empty()).then(|| IpamConfig {
            subnet: subnet.to_owned(),
            ..IpamConfig::default()
        }));
    let docker = Docker::with_connector(fake.clone());
    docker.networks().create(network).await.unwrap();
}

async fn subnet_of(engine: &DockerEngine) -> Result<String> {
    let network = engine.networks().create(NetworkOptions::default()).await?;
    let subnet = network.info().subnets[0].clone();
    network.remove().await?;
    Ok(subnet)
}

fn private() -> EnvironmentSpec {
    with_network(NetworkSpec {
        mode: NetworkMode::Private,
        ..NetworkSpec::default()
    })
}

fn on_network(name: &str, alias: &str) -> EnvironmentSpec {
    with_network(NetworkSpec {
        mode: NetworkMode::Named(name.to_owned()),
        aliases: vec![alias.to_owned()],
        ..NetworkSpec::default()
    })
}

fn with_network(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec { network, ..spec() }
}

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[tokio::test(start_paused = true)]
async fn network_gets_a_free_part_of_the_subnet() {
    let fake = FakeEngine::new();
    strange_network(&fake, "first", "10.77.1.0/24").await;
    strange_network(&fake, "second", "10.77.2.0/23").await;
    let engine = preferring(&fake, "10.77.0.0/22");
    for _ in 0..20 {
        assert_eq!(subnet_of(&engine).await.unwrap(), "10.77.0.0/24");
    }
    fake.reset();
    let network = engine.networks().create(NetworkOptions::default()).await.unwrap();
    assert_eq!(network.outside_preference(), None);
    let tries = |path: &str| fake.requests().iter().filter(|one| one.ends_with(path)).count();
    assert!(tries("/networks/create") <= 2, "{:#?}", fake.requests());
}

#[tokio::test(start_paused = true)]
async fn pools_are_used_if_others_have_the_subnet() {
    let fake = FakeEngine::new().with_image(IMAGE);
    for number in 0..5 {
        strange_network(&fake, &format!("strange-{number}"), "").await;
    }
    // The third of them has it.
    let manager = manager_of(preferring(&fake, "172.20.0.0/16"));
    let mut events = manager.subscribe();
    let environment = made(&manager, private()).await;
    environment.destroy().await.unwrap();
    drop((environment, manager));
    let mut seen = Vec::new();
    while let Some(Ok(event)) = events.next().await {
        seen.push(serde_json::to_string(&event).unwrap());
    }
    let reported = seen.iter().find(|event| event.contains("subnet_unavailable"));
    assert!(reported.unwrap().contains("172.20.0.0/16"), "{seen:#?}");
}

#[tokio::test(start_paused = true)]
async fn error_of_exhausted_pools_names_our_networks() {
    let fake = FakeEngine::new();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let mut all = Vec::new();
    let error = loop {
        match engine.networks().create(NetworkOptions::default()).await {
            Ok(network) => all.push(network),
            Err(error) => break error,
        }
        assert!(all.len() < 100);
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = chain(&error);
    assert!(
        text.contains(all[0].on_daemon()) && text.contains("isolate network prune"),
        "{text}"
    );
    drop(all);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn subnet_that_is_used_is_a_conflict() {
    let fake = FakeEngine::new();
    strange_network(&fake, "strange", "10.77.0.0/16").await;
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let options = NetworkOptions {
        subnet: Some("10.77.3.0/24".parse().unwrap()),
        ..NetworkOptions::default()
    };
    let error = engine.networks().create(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    assert!(error.to_string().contains("10.77.3.0/24"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn kept_network_is_found_by_name_and_pruned() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let manager = on(&fake);
    let networks = engine.networks();
    let create = |name: &str, lifetime| {
        let options = NetworkOptions {
            name: Some(name.to_owned()),
            lifetime,
            labels: [("team".to_owned(), "core".to_owned())].into(),
            ..NetworkOptions::default()
        };
        networks.create(options)
    };
    strange_network(&fake, "strange", "").await;
    drop(create("größe 7", Lifetime::Kept).await.unwrap());
    let owned = create("owned", Lifetime::Owner).await.unwrap();
    settle().await;
    let listed = engine.networks().list().await.unwrap();
    let names: Vec<_> = listed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["größe 7", "owned"]);
    assert_eq!(listed[0].labels["team"], "core");
    // An environment joins it by that name.
    let environment = made(&manager, on_network("größe 7", "web")).await;
    let joined = environment.networks().await.unwrap();
    assert_eq!(
        (joined[0].network.as_str(), joined[0].aliases.as_slice()),
        (listed[0].on_daemon.as_str(), &["web".to_owned()][..])
    );
    let inspected = engine.networks().inspect(&listed[0].id[..6]).await.unwrap();
    assert_eq!(inspected.containers.len(), 1);
    assert_eq!(engine.networks().prune().await.unwrap(), []);
    environment.destroy().await.unwrap();
    let pruned = engine.networks().prune().await.unwrap();
    assert_eq!(pruned.len(), 1, "the owner removes the other one");
    let error = engine.networks().remove("strange").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    owned.remove().await.unwrap();
    assert_eq!(fake.resources(), ["network strange"]);
}

#[tokio::test(start_paused = true)]
async fn second_holder_of_an_alias_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    strange_network(&fake, "n", "").await;
    let first = made(&manager, on_network("n", "db")).await;
    let error = create(&manager, on_network("n", "db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    assert!(
        chain(&error).contains("the name db on the network n"),
        "{}",
        chain(&error)
    );
    let other = made(&manager, on_network("n", "web")).await;
    other.disconnect_network("n").await.unwrap();
    let error = other.connect_network("n", &["db".to_owned()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    // Also on a network that is not its main one.
    let mut joining = private();
    joining.network.join = vec!["n".to_owned()];
    joining.network.aliases_on = [("n".to_owned(), vec!["db".to_owned()])].into();
    let error = create(&manager, joining.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    first.destroy().await.unwrap();
    made(&manager, joining).await.destroy().await.unwrap();
    other.connect_network("n", &["db".to_owned()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reconnected_environment_is_as_before() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    strange_network(&fake, "n", "10.9.0.0/24").await;
    strange_network(&fake, "m", "10.8.0.0/24").await;
    let mut spec = on_network("n", "web");
    spec.network.join = vec!["m".to_owned()];
    let environment = made(&manager, spec).await;
    let before = environment.networks().await.unwrap();
    assert_eq!(before.len(), 2, "{before:?}");
    for network in ["n", "m"] {
        environment.disconnect_network(network).await.unwrap();
        let error = environment.disconnect_network(network).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        // Somebody else would get its address.
        environment.connect_network(network, &[]).await.unwrap();
        let error = environment.connect_network(network, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    assert_eq!(environment.networks().await.unwrap(), before);
    // The state has those that were joined later, too.
    assert_eq!(environment.inspect().await.unwrap().networks, before);
    // Its address is not free any more.
    environment.disconnect_network("n").await.unwrap();
    let other = made(&manager, on_network("n", "other")).await;
    environment.connect_network("n", &[]).await.unwrap();
    let after = environment.networks().await.unwrap();
    let aliases =
        |all: &[isolation::JoinedNetwork]| all.iter().map(|one| one.aliases.clone()).collect::<Vec<_>>();
    assert_eq!(aliases(&after), aliases(&before));
    drop(other);
    let error = environment.connect_network("no-such", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_creating_a_network_fails() {
    let count = {
        let fake = FakeEngine::new();
        subnet_of(&preferring(&fake, "10.77.0.0/22")).await.unwrap();
        fake.requests().len()
    };
    for nth in 0..count {
        for fault in [
            fake_engine::Fault::internal_error("no space"),
            fake_engine::Fault::CloseAfter,
        ] {
            let fake = FakeEngine::new();
            fake.fail_nth(nth, fault);
            let _ = subnet_of(&preferring(&fake, "10.77.0.0/22")).await;
            settle().await;
            assert_eq!(fake.resources(), [""; 0], "at request {nth}");
        }
    }
}

/// A network of an environment's own, and one that is closed.
fn own_networks() -> NetworkSpec {
    NetworkSpec {
        mode: NetworkMode::Named("front".to_owned()),
        join: vec!["back".to_owned()],
        aliases: vec!["web".to_owned()],
        aliases_on: [("back".to_owned(), vec!["api".to_owned()])].into(),
        own: [
            ("front".to_owned(), OwnNetwork::default()),
            (
                "back".to_owned(),
                OwnNetwork {
                    internal: true,
                    subnet: Some("10.91.0.0/24".parse().unwrap()),
                    ..OwnNetwork::default()
                },
            ),
            ("spare".to_owned(), OwnNetwork::default()),
        ]
        .into(),
        ..NetworkSpec::default()
    }
}

#[tokio::test(start_paused = true)]
async fn environment_has_several_networks_of_its_own() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let spec = with_network(own_networks());
    let environment = made(&manager, spec.clone()).await;
    let details = environment.inspect().await.unwrap().details;
    let joined = environment.networks().await.unwrap();
    let of = |name: &str| {
        joined
            .iter()
            .find(|one| one.network == details[&format!("network.{name}")])
    };
    assert_eq!(joined.len(), 2, "{joined:?}");
    assert_eq!(of("back").unwrap().aliases, ["web", "api"]);
    assert_eq!(of("front").unwrap().aliases, ["web"]);
    assert!(of("spare").is_none() && details.contains_key("network.spare"));
    let docker = Docker::with_connector(fake.clone());
    let back = docker
        .networks()
        .inspect(&details["network.back"], Default::default())
        .await
        .unwrap();
    assert!(back.internal);
    assert_eq!(back.ipam.config[0].subnet, "10.91.0.0/24");
    // As another process sees it.
    let opened = manager.open(environment.id().as_str()).await.unwrap();
    assert_eq!(opened.spec().network, spec.network);
    opened.destroy().await.unwrap();
    drop(environment);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn dropped_environment_leaves_no_own_network() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    drop(made(&manager, with_network(own_networks())).await);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
    // The second network cannot be created: neither is the rest.
    strange_network(&fake, "strange", "10.91.0.0/16").await;
    let error = create(&manager, with_network(own_networks())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    settle().await;
    assert_eq!(fake.resources().len(), 1, "{:?}", fake.resources());
}

#[test]
fn aliases_are_for_joined_networks() {
    let spec = with_network(NetworkSpec {
        aliases_on: [("other".to_owned(), vec!["x".to_owned()])].into(),
        ..own_networks()
    });
    let error = spec.validate().unwrap_err().to_string();
    assert!(error.contains("network other, which is not joined"), "{error}");
    let spec = with_network(NetworkSpec {
        mode: NetworkMode::Named("back".to_owned()),
        join: Vec::new(),
        aliases_on: Default::default(),
        ports: vec!["53/udp".parse().unwrap()],
        ..own_networks()
    });
    let error = spec.validate().unwrap_err().to_string();
    assert!(error.contains("TCP only"), "{error}");
}
