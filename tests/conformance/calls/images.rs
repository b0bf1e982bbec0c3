//! Calls on images and registries.

use engine_api::images::{
    CommitImage, ImportImage, InspectImage, ListAttestations, ListHistory, ListImages, LoadImages,
    PruneImages, PullImage, PushImage, RemoveImage, SaveImages, SearchImages,
};
use engine_api::{Docker, Result};

use super::{auth, filters, platform, platforms, two};

pub(super) async fn store(docker: &Docker) -> Result<()> {
    let images = docker.images();
    let list = ListImages {
        all: true,
        filters: filters::images(),
        shared_size: true,
        digests: true,
        manifests: true,
        identity: true,
    };
    images.list(list).await?;
    let inspect = InspectImage {
        manifests: true,
        platform: Some(platform("arm64")),
    };
    images.inspect("busybox", inspect).await?;
    let history = ListHistory {
        platform: Some(platform("arm64")),
    };
    images.history("busybox", history).await?;
    let attestations = ListAttestations {
        platform: Some(platform("arm64")),
        types: two().into(),
        statement: true,
    };
    images.attestations("busybox", attestations).await?;
    images.tag("busybox", "mine:1").await?;
    let remove = RemoveImage {
        force: true,
        noprune: true,
        platforms: platforms(),
    };
    images.remove("busybox", remove).await?;
    let prune = PruneImages {
        dangling: Some(true),
        until: "1h".into(),
        label: two(),
        label_not: two(),
    };
    images.prune(prune).await?;
    let commit = CommitImage {
        repo: "mine".into(),
        tag: "1".into(),
        comment: "c".into(),
        author: "a".into(),
        no_pause: true,
        changes: two().into(),
        config: None,
    };
    images.commit("web", commit).await.map(drop)
}

pub(super) async fn transfer(docker: &Docker) -> Result<()> {
    let (images, auth) = (docker.images(), auth());
    let pull = PullImage {
        platform: Some("linux/arm64".into()),
        all_tags: false,
    };
    images.pull("busybox:1", pull, Some(&auth)).await?;
    let import = ImportImage {
        from: Some("https://example.com/a.tar".into()),
        repo: "mine".into(),
        tag: "1".into(),
        message: "m".into(),
        changes: two().into(),
        platform: Some("linux/arm64".into()),
    };
    images.import("", import).await?;
    let push = PushImage {
        platform: Some(platform("arm64")),
        all_tags: false,
    };
    images.push("mine:1", push, Some(&auth)).await?;
    let save = SaveImages {
        platforms: platforms(),
    };
    images.save("busybox", save.clone()).await?;
    images.save_all(&["a", "b"], save).await?;
    let load = LoadImages {
        quiet: Some(true),
        platforms: platforms(),
    };
    images.load("", load).await?;
    let search = SearchImages {
        limit: Some(1),
        is_official: Some(true),
        is_automated: Some(false),
        stars: Some(1),
    };
    images.search("busybox", search, Some(&auth)).await?;
    docker
        .distribution()
        .inspect("busybox", Some(&auth))
        .await
        .map(drop)
}
