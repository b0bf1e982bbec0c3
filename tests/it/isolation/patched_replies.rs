//! Replies of the daemon with other facts than usual: dropped labels, refused limits, other
//! storage, a name that is the beginning of an ID.

use engine_api::Docker;
use engine_api::containers::InspectContainer;
use engine_api::networks::{CreateNetwork, InspectNetwork};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, NetworkOptions, labels};
use isolation::{
    Command, EnvironmentSpec, ErrorKind, Feature, ForkOptions, NetworkMode, NetworkSpec, OwnNetwork,
    ResourceLimits, Status,
};
use serde_json::{Value, json};
use tests::chain;

use super::docker_engine::{IMAGE, active, create, on, settle, spec};

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

/// Changes the next description of the only container.
fn describe(fake: &FakeEngine, patch: Value) {
    let container = fake.snapshot().containers.pop_first().unwrap();
    fake.fail_next("GET", &format!("/{container}/json"), Fault::Patch(patch));
}

async fn add_network(fake: &FakeEngine, name: &str) -> String {
    let network = CreateNetwork {
        name: name.to_owned(),
        ..CreateNetwork::default()
    };
    let docker = Docker::with_connector(fake.clone());
    docker.networks().create(network).await.unwrap();
    let found = docker.networks().inspect(name, InspectNetwork::default()).await;
    found.unwrap().id
}

#[tokio::test(start_paused = true)]
async fn network_without_its_labels_is_an_error() {
    let fake = FakeEngine::new();
    let options = NetworkOptions {
        name: Some("front".to_owned()),
        ..NetworkOptions::default()
    };
    let before = fake.requests().len();
    let made = engine(&fake).networks().create(options.clone()).await.unwrap();
    let on_daemon = made.info().on_daemon.clone();
    let is_look = |request: &String| request.ends_with(&format!("/networks/{on_daemon}"));
    let look = fake.requests().iter().position(is_look).unwrap();
    made.remove().await.unwrap();
    fake.reset();
    fake.fail_nth(look - before, Fault::Patch(json!({"Labels": null})));
    let error = engine(&fake).networks().create(options).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Engine, "{text}");
    assert!(text.contains("has dropped the labels of the network"), "{text}");
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn container_without_labels_is_not_renamed() {
    let (fake, _manager, environment) = active().await;
    describe(&fake, json!({"Config": {"Labels": null}}));
    let error = environment.rename("other").await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
    assert!(text.contains("has no label with the ID"), "{text}");
    environment.rename("other").await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// The aliases of the only container on a network.
async fn aliases(fake: &FakeEngine, network: &str) -> Vec<String> {
    let container = fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let found = containers.inspect(&container, InspectContainer::default()).await;
    found.unwrap().network_settings.networks[network].aliases.to_vec()
}

#[tokio::test(start_paused = true)]
async fn name_is_an_alias_only_if_it_is_known() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    add_network(&fake, "front").await;
    let named = EnvironmentSpec {
        name: Some("web".to_owned()),
        ..spec()
    };
    let environment = create(&manager, named).await.unwrap();
    fake.fail_next("GET", "/containers/json", Fault::internal_error("cannot list"));
    let error = environment.connect_network("front", &[]).await.unwrap_err();
    assert!(chain(&error).contains("cannot list"), "{}", chain(&error));
    describe(&fake, json!({"Config": {"Labels": {labels::NAME: null}}}));
    environment.connect_network("front", &[]).await.unwrap();
    assert!(!aliases(&fake, "front").await.contains(&"web".to_owned()));
    environment.disconnect_network("front").await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network front"]);
}

#[tokio::test(start_paused = true)]
async fn beginning_of_an_id_is_no_name_of_a_network() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let id = add_network(&fake, "front").await;
    let beginning = &id[..12];
    let environment = create(&manager, spec()).await.unwrap();
    let error = environment.connect_network(beginning, &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    fake.fail_next("GET", "/networks/front", Fault::internal_error("cannot look"));
    let error = environment.connect_network("front", &[]).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    environment.destroy().await.unwrap();
    // So a network of its own may have that name.
    let own = OwnNetwork {
        name: Some(beginning.to_owned()),
        ..OwnNetwork::default()
    };
    let owning = EnvironmentSpec {
        network: NetworkSpec {
            mode: NetworkMode::Named("n".to_owned()),
            own: [("n".to_owned(), own)].into(),
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let environment = create(&manager, owning).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(fake.snapshot().networks.contains(beginning));
    // Another process finds it by that name.
    let other = on(&fake);
    let opened = other.open(environment.id().as_str()).await.unwrap();
    opened.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network front"]);
}

#[tokio::test(start_paused = true)]
async fn name_of_two_networks_is_ambiguous() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let engine = engine(&fake);
    let twice = || NetworkOptions {
        name: Some("front".to_owned()),
        ..NetworkOptions::default()
    };
    let first = engine.networks().create(twice()).await.unwrap();
    let second = engine.networks().create(twice()).await.unwrap();
    let environment = create(&manager, spec()).await.unwrap();
    let error = environment.connect_network("front", &[]).await.unwrap_err();
    let text = chain(&error);
    assert_ne!(error.kind(), ErrorKind::NotFound, "{text}");
    assert!(text.contains("several networks have the name"), "{text}");
    environment.destroy().await.unwrap();
    first.remove().await.unwrap();
    second.remove().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn other_container_on_a_network_may_be_gone() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    add_network(&fake, "front").await;
    let named = |name: &str| EnvironmentSpec {
        name: Some(name.to_owned()),
        network: NetworkSpec {
            mode: NetworkMode::Named("front".to_owned()),
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let other = create(&manager, named("web")).await.unwrap();
    let id = other.inspect().await.unwrap().details["container_id"].clone();
    let path = format!("/containers/{id}/json");
    let gone = Fault::Error {
        status: 404,
        message: "No such container".to_owned(),
    };
    let left = Fault::Patch(json!({"NetworkSettings": {"Networks": {"front": null}}}));
    for (fault, has_name) in [(gone, true), (left, true)] {
        fake.fail_next("GET", &path, fault.clone());
        let second = create(&manager, named("web")).await;
        let second = second.unwrap_or_else(|error| panic!("{fault:?}: {}", chain(&error)));
        let networks = second.networks().await.unwrap();
        let named = networks[0].aliases.contains(&"web".to_owned());
        assert_eq!(named, has_name, "{fault:?}: {networks:?}");
        second.destroy().await.unwrap();
    }
    fake.fail_next("GET", &path, Fault::internal_error("cannot look"));
    let error = create(&manager, named("web")).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    other.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), ["network front"]);
}

/// Somebody has connected it since it was described.
#[tokio::test(start_paused = true)]
async fn own_name_on_a_network_is_not_taken() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    add_network(&fake, "front").await;
    let named = EnvironmentSpec {
        name: Some("web".to_owned()),
        network: NetworkSpec {
            mode: NetworkMode::Named("front".to_owned()),
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let environment = create(&manager, named).await.unwrap();
    describe(&fake, json!({"NetworkSettings": {"Networks": {"front": null}}}));
    let own = ["web".to_owned()];
    let error = environment.connect_network("front", &own).await.unwrap_err();
    let text = chain(&error);
    assert!(!text.contains("choose another alias"), "{text}");
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network front"]);
}

fn pids(pids: u64) -> ResourceLimits {
    ResourceLimits {
        pids: Some(pids),
        ..ResourceLimits::default()
    }
}

const NO_PIDS: &str = "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. \
                       PIDs limit discarded.";

#[tokio::test(start_paused = true)]
async fn own_limit_that_the_daemon_drops_is_an_error() {
    let limited = || EnvironmentSpec {
        limits: pids(50),
        ..spec()
    };
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let warned = Fault::Patch(json!({"Warnings": [NO_PIDS]}));
    let refused = Fault::Error {
        status: 400,
        message: NO_PIDS.to_owned(),
    };
    for (fault, is_missing) in [(warned, true), (refused, false)] {
        fake.fail_next("POST", "/containers/create", fault.clone());
        let error = create(&manager, limited()).await.unwrap_err();
        let missing: Vec<Feature> = error.missing().iter().map(|one| one.feature).collect();
        assert_eq!(
            missing.contains(&Feature::PidsLimit),
            is_missing,
            "{fault:?}: {}",
            chain(&error)
        );
        assert!(chain(&error).contains("PIDs limit"), "{}", chain(&error));
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{fault:?}");
    }
    let environment = create(&manager, spec()).await.unwrap();
    fake.fail_next("POST", "/update", Fault::Patch(json!({"Warnings": [NO_PIDS]})));
    let error = environment.update(&pids(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    assert_eq!(error.missing()[0].feature, Feature::PidsLimit);
    environment.update(&pids(70)).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// With containerd, an image of a fork is not written anew without the variables.
#[tokio::test(start_paused = true)]
async fn storage_of_images_is_known_by_its_driver() {
    let containerd = json!([["driver-type", "io.containerd.snapshotter.v1"]]);
    for (driver, status, loads) in [
        (json!("overlay2"), json!([]), true),
        (json!("overlayfs"), json!([]), false),
        (json!("other"), json!([]), true),
        (json!("other"), containerd.clone(), false),
    ] {
        let (fake, manager, environment) = active().await;
        fake.set_info("DriverStatus", status.clone());
        fake.reset();
        for _ in 0..20 {
            describe(&fake, json!({"GraphDriver": {"Name": driver}}));
        }
        let forks = manager.fork(&environment, 1, ForkOptions::default()).await;
        let forks = forks.unwrap_or_else(|error| panic!("{driver}: {}", chain(&error)));
        let requests = fake.requests();
        let loaded = requests.iter().any(|request| request.contains("/images/load"));
        assert_eq!(loaded, loads, "{driver} {status}: {requests:#?}");
        fake.reset();
        assert_eq!(forks[0].status(), Status::Running);
        forks[0].run(Command::new(["true"])).await.unwrap();
        forks[0].destroy().await.unwrap();
        environment.destroy().await.unwrap();
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{driver} {status}");
    }
}
