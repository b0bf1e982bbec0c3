//! Notes of a killed process, whose subjects another one removes: volumes, networks,
//! containers and images, each only if it belongs to the environment.

use engine_api::Docker;
use engine_api::containers::CreateContainer;
use engine_api::images::CommitImage;
use engine_api::networks::CreateNetwork;
use engine_api::volumes::CreateVolume;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, DockerSettings, labels};
use isolation::{EnvironmentId, ManagerOptions, Reaper, Registry, ServeOptions, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::docker_engine::IMAGE;

/// Asks a server for the removal of these resources; returns its answer.
pub(super) async fn remove(engine: DockerEngine, id: &EnvironmentId, resources: Value) -> Value {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    let options = ServeOptions {
        manager: ManagerOptions {
            journal: false,
            reaper: Reaper::Off,
            ..ManagerOptions::default()
        },
        ..ServeOptions::default()
    };
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let serving = tokio::spawn(serve(registry, options, input, output));
    let (from, mut to) = tokio::io::split(ours);
    let params = json!({"environment": id, "resources": resources});
    for (number, method, params) in [(1, "hello", json!({"versions": [1]})), (2, "remove", params)] {
        let line = json!({"id": number, "method": method, "params": params});
        to.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    let mut lines = BufReader::new(from).lines();
    lines.next_line().await.unwrap();
    let answer = lines.next_line().await.unwrap().unwrap();
    to.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

/// A volume, a network and a container with this ID.
async fn make(docker: &Docker, id: &str) {
    let named = |kind: &str| format!("{kind}-{id}");
    let volume = CreateVolume {
        name: named("volume"),
        labels: [(labels::ENVIRONMENT, id)].into_iter().collect(),
        ..CreateVolume::default()
    };
    docker.volumes().create(volume).await.unwrap();
    let network = CreateNetwork {
        name: named("network"),
        labels: [(labels::ENVIRONMENT, id)].into_iter().collect(),
        ..CreateNetwork::default()
    };
    docker.networks().create(network).await.unwrap();
    let container = CreateContainer {
        name: Some(named("container")),
        image: IMAGE.to_owned(),
        labels: [(labels::ENVIRONMENT, id)].into_iter().collect(),
        ..CreateContainer::default()
    };
    docker.containers().create(container).await.unwrap();
}

fn noted(id: &str) -> Value {
    let kinds = ["container", "volume", "network"];
    kinds
        .map(|kind| json!({"kind": kind, "name": format!("{kind}-{id}")}))
        .into_iter()
        .collect()
}

#[tokio::test(start_paused = true)]
async fn noted_resources_of_an_environment_are_removed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let (ours, others) = (EnvironmentId::random(), EnvironmentId::random());
    make(&docker, others.as_str()).await;
    // A note about what belongs to another environment removes nothing.
    let answer = remove(engine(&fake), &ours, noted(others.as_str())).await;
    assert_eq!(answer["result"]["removed"], false, "{answer}");
    assert_eq!(fake.resources().len(), 3, "{:?}", fake.resources());
    make(&docker, ours.as_str()).await;
    let answer = remove(engine(&fake), &ours, noted(ours.as_str())).await;
    assert_eq!(answer["result"]["removed"], true, "{answer}");
    let left = fake.resources();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|name| name.contains(others.as_str())), "{left:?}");
    // They are gone.
    let answer = remove(engine(&fake), &ours, noted(ours.as_str())).await;
    assert_eq!(answer["result"]["removed"], false, "{answer}");
    let answer = remove(engine(&fake), &others, noted(others.as_str())).await;
    assert_eq!(answer["result"]["removed"], true, "{answer}");
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn noted_image_is_removed_unless_it_is_used() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let id = EnvironmentId::random();
    make(&docker, "made").await;
    let named = CommitImage {
        repo: "fork".to_owned(),
        tag: "one".to_owned(),
        ..CommitImage::default()
    };
    docker.images().commit("container-made", named).await.unwrap();
    let note = json!([{"kind": "image", "name": "fork:one"}]);
    let answer = remove(engine(&fake), &id, note.clone()).await;
    assert_eq!(answer["result"]["removed"], true, "{answer}");
    let answer = remove(engine(&fake), &id, note).await;
    assert_eq!(answer["result"]["removed"], false, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn noted_resource_that_cannot_be_removed_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let id = EnvironmentId::random();
    let of_later = json!([{"kind": "checkpoint", "name": "one"}]);
    let answer = remove(engine(&fake), &id, of_later).await;
    assert_eq!(answer["error"]["kind"], "unsupported", "{answer}");
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("the checkpoint one is noted, which this version cannot remove"),
        "{text}"
    );
    for (kind, path) in [
        ("volume", "/volumes/x"),
        ("network", "/networks/x"),
        ("container", "/x/json"),
    ] {
        fake.fail_next("GET", path, Fault::internal_error("cannot look"));
        let note = json!([{"kind": kind, "name": "x"}]);
        let answer = remove(engine(&fake), &id, note).await;
        assert!(
            answer["error"].to_string().contains("cannot look"),
            "{kind}: {answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn directory_of_a_missing_volume_is_removed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let base = tempfile::tempdir().unwrap();
    let with_base = || {
        let engine = engine(&fake);
        let settings = DockerSettings {
            volume_base_path: Some(base.path().to_str().unwrap().to_owned()),
            ..engine.settings().clone()
        };
        engine.with_settings(settings).unwrap()
    };
    // A mark beside it says that this user has made it.
    for (name, marked) in [("data-one", true), ("data-two", false)] {
        let left = base.path().join(name);
        std::fs::create_dir(&left).unwrap();
        if marked {
            std::fs::write(base.path().join(format!(".{name}.isolate")), "").unwrap();
        }
        let note = json!([{"kind": "volume", "name": name}]);
        let answer = remove(with_base(), &EnvironmentId::random(), note).await;
        assert_eq!(answer["result"]["removed"], false, "{answer}");
        assert_eq!(left.exists(), !marked, "{name}");
    }
    // A volume of somebody else with that name keeps its directory.
    let docker = Docker::with_connector(fake.clone());
    let strange = CreateVolume {
        name: "data-two".to_owned(),
        ..CreateVolume::default()
    };
    docker.volumes().create(strange).await.unwrap();
    std::fs::write(base.path().join(".data-two.isolate"), "").unwrap();
    let note = json!([{"kind": "volume", "name": "data-two"}]);
    let answer = remove(with_base(), &EnvironmentId::random(), note).await;
    assert_eq!(answer["result"]["removed"], false, "{answer}");
    assert!(base.path().join("data-two").exists());
}
