//! Images of the fake engine: pull and remove.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::KillContainer;
use fake_engine::FakeEngine;
use tests::scenarios::{UNTIL_TOLD, shell, started};

use super::containers::engine;

#[tokio::test(start_paused = true)]
async fn abandoned_pull_has_pulled_nothing() {
    let fake = FakeEngine::new().with_registry_image("localhost:5000/team/web:2");
    fake.set_pull_delay(Duration::from_secs(60));
    let docker = Docker::with_connector(fake.clone());
    let pull = async || {
        let options = engine_api::images::PullImage::default();
        docker
            .images()
            .pull("localhost:5000/team/web:2", options, None)
            .await?
            .last()
            .await
    };
    let abandoned = tokio::time::timeout(Duration::from_secs(30), pull()).await;
    assert!(abandoned.is_err());
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(fake.snapshot().images.is_empty());
    pull().await.unwrap();
    assert_eq!(
        fake.snapshot().images,
        ["localhost:5000/team/web:2".to_owned()].into()
    );
}

/// As a real engine, it does not read a layer that it has.
#[tokio::test(start_paused = true)]
async fn known_layer_is_not_read_from_an_archive() {
    let (_, docker) = engine();
    let images = docker.images();
    let image = images.inspect("busybox", Default::default()).await.unwrap();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": { "Env": ["A=1"] },
        "rootfs": { "type": "layers", "diff_ids": image.root_fs.layers },
    });
    let manifest =
        serde_json::json!([{ "Config": "c.json", "RepoTags": ["other:1"], "Layers": ["0/layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    let texts = [
        ("c.json", config.to_string()),
        ("manifest.json", manifest.to_string()),
    ];
    let empty = ("0/layer.tar", "\0".repeat(1024));
    for (name, text) in texts
        .iter()
        .map(|(name, text)| (*name, text))
        .chain([(empty.0, &empty.1)])
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let archive = archive.into_inner().unwrap();
    let mut lines = images.load(archive, Default::default()).await.unwrap();
    while let Some(line) = lines.next().await {
        line.unwrap();
    }
    let other = images.inspect("other:1", Default::default()).await.unwrap();
    assert_eq!(other.root_fs.layers, image.root_fs.layers);
}

#[tokio::test(start_paused = true)]
async fn image_in_use_is_not_removed() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("user", UNTIL_TOLD)).await.unwrap();
    let images = docker.images();
    let error = images.remove("busybox", Default::default()).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let forced = engine_api::images::RemoveImage {
        force: true,
        ..Default::default()
    };
    images.remove("busybox", forced.clone()).await.unwrap();
    let image = fake.snapshot().images.pop_first().unwrap();
    assert!(image.starts_with("sha256:"), "{image}");
    let error = images.remove(&image, forced.clone()).await.unwrap_err();
    assert!(
        error.is_conflict() && error.to_string().contains("running container"),
        "{error}"
    );
    let kill = KillContainer {
        signal: "SIGKILL".into(),
    };
    docker.containers().kill(&id, kill).await.unwrap();
    images.remove(&image, forced).await.unwrap();
    assert!(
        fake.snapshot().images.is_empty(),
        "a stopped container does not prevent it"
    );
}
