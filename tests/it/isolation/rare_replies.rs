//! Facts of the daemon that are rare: labels of others, images that cannot be saved, ports that are
//! taken at the first start.

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RemoveContainer};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, labels};
use isolation::{
    Availability, CopySource, Engine, EngineChoice, EnvironmentSpec, ErrorKind, Mount, NetworkMode,
    NetworkSpec, Status,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, active, asked, create, on, settle, spec};
use crate::wire::tls::EarlyAlert;

fn published(port: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        network: NetworkSpec {
            ports: vec![port.parse().unwrap()],
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn port_that_was_taken_is_published_later() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let choice = EngineChoice::Auto;
    let holder = create(&manager, published("8080:80")).await.unwrap();
    let selection = manager.select(&choice, &published("8080:80")).await.unwrap();
    let waiting = manager
        .create_unstarted(&selection, published("8080:80"))
        .await
        .unwrap();
    let error = waiting.start().await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    let container = holder.inspect().await.unwrap().details["container"].clone();
    let named = format!("port 8080 of the host is used by the container {container}");
    assert!(text.contains(&named), "{text}");
    assert_eq!(waiting.status(), Status::Created);
    assert_eq!(waiting.endpoints().await.unwrap(), []);
    holder.destroy().await.unwrap();
    waiting.start().await.unwrap();
    assert_eq!(waiting.endpoint(80).await.unwrap().host_port, 8080);
    waiting.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// A daemon publishes nothing there.
#[tokio::test]
async fn port_on_an_internal_network_needs_a_program() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let mut internal = published("80");
    (internal.network.mode, internal.network.internal) = (NetworkMode::Private, true);
    let selection = manager.select(&EngineChoice::Auto, &internal).await.unwrap();
    let environment = manager.create_unstarted(&selection, internal).await.unwrap();
    let container = environment.inspect().await.unwrap().details["container"].clone();
    for _ in 0..20 {
        let unpublished = Fault::Patch(json!({"NetworkSettings": {"Ports": {"80/tcp": null}}}));
        fake.fail_next("GET", &format!("/containers/{container}/json"), unpublished);
    }
    // This process forwards it, through a program that the image does not have.
    let text = chain(&environment.start().await.unwrap_err());
    assert!(
        text.contains("no program of the image can connect to its port"),
        "{text}"
    );
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn container_with_a_wrong_id_is_not_listed() {
    let (fake, manager, environment) = active().await;
    let docker = Docker::with_connector(fake.clone());
    let stranger = CreateContainer {
        name: Some("stranger".to_owned()),
        labels: [(labels::ENVIRONMENT.to_owned(), "no ID".to_owned())].into(),
        image: IMAGE.to_owned(),
        ..CreateContainer::default()
    };
    let stranger = docker.containers().create(stranger).await.unwrap();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let list = engine.list().await.unwrap();
    let listed: Vec<_> = list.iter().map(|one| &one.id).collect();
    assert_eq!(listed, [environment.id()]);
    let (engine, found) = manager.registry().find(environment.name()).await.unwrap();
    assert_eq!((engine.name(), &found.id), ("docker", environment.id()));
    let containers = docker.containers();
    containers
        .remove(&stranger.id, RemoveContainer::default())
        .await
        .unwrap();
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn opened_environment_has_the_mounts_of_others() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    let volume = docker.volumes().create(Default::default()).await.unwrap();
    let with_mounts = EnvironmentSpec {
        mounts: vec![
            Mount::volume(volume.on_daemon(), "/data"),
            Mount::tmpfs("/memory", None),
        ],
        ..spec()
    };
    let environment = create(&manager, with_mounts).await.unwrap();
    let opened = on(&fake).open(environment.id().as_str()).await.unwrap();
    opened.destroy().await.unwrap();
    // The test has created the volume, so it stays.
    assert_eq!(docker.volumes().list().await.unwrap().len(), 1);
    docker.volumes().remove(volume.on_daemon()).await.unwrap();
    drop(environment);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_that_exists_and_is_not_saved_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    fake.fail_next(
        "GET",
        "/images/get",
        Fault::internal_error("no space left on device"),
    );
    let error = docker.images().save(&[IMAGE]).await.map(drop).unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Engine, "{text}");
    assert!(text.contains("no space left on device"), "{text}");
    let error = docker
        .images()
        .save(&[IMAGE, "other:1"])
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
}

/// The daemon would give a directory that exists another owner.
#[tokio::test(start_paused = true)]
async fn target_that_cannot_be_looked_at_is_an_error() {
    let (fake, _manager, environment) = active().await;
    let directory = tempfile::tempdir().unwrap();
    let broken = Fault::internal_error("cannot look");
    fake.fail_next("HEAD", "/archive", broken);
    let uploads = asked(&fake, "PUT", "/archive");
    let source = || CopySource::Path(directory.path().to_owned());
    let error = environment.copy_in(source(), "/target").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{}", chain(&error));
    assert_eq!(asked(&fake, "PUT", "/archive"), uploads, "something was sent");
    environment.copy_in(source(), "/target").await.unwrap();
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn daemon_that_rejects_a_certificate_has_a_hint() {
    let engine = DockerEngine::new(Docker::with_connector(EarlyAlert));
    let Availability::Unavailable { reason, hint } = engine.probe().await.availability else {
        panic!("it is available");
    };
    assert!(hint.contains("look at DOCKER_TLS_VERIFY"), "{reason}; {hint}");
}
