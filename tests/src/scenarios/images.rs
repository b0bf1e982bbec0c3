//! Images.

use engine_api::common::OciPlatform;
use engine_api::images::{
    BuildContext, BuildImage, ImportImage, ListImages, LoadImages, PruneImages, PullImage, RemoveImage,
    SaveImages,
};
use engine_api::{Bytes, Docker, ErrorKind, Result, Version, archive};
use serde_json::json;

use super::{remove, shell};

/// Creates an image of one small file, and returns its name.
pub async fn tiny(docker: &Docker) -> Result<String> {
    let options = ImportImage {
        repo: "ptest/tiny".into(),
        tag: "1".into(),
        changes: vec!["LABEL ptest=tiny".into(), "CMD [\"/hello\"]".into()],
        ..Default::default()
    };
    docker
        .images()
        .import(archive::file("hello", 0o755, "hello")?, options)
        .await?
        .last()
        .await?;
    Ok("ptest/tiny:1".into())
}

/// The digest of the only layer of [`saved`].
const LAYER: &str = "sha256:d7057549d0905531d2539b654bfda8c64e77999ba5a5bc510e89a6ae3aceb273";

/// The image of [`tiny`] in the format of `docker save`, with dates in 2001, so that every run
/// sends the same bytes.
fn saved() -> Bytes {
    let created = "2001-09-09T01:46:40Z";
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": created,
        "config": {"Cmd": ["/hello"], "Labels": {"ptest": "tiny"}},
        "rootfs": {"type": "layers", "diff_ids": [LAYER]},
        "history": [{"created": created, "comment": "saved"}],
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": ["ptest/tiny:1"], "Layers": ["layer.tar"]}]);
    let end = [0; 1024];
    let layer = [entry("hello", b"0000755", b"hello"), end.to_vec()].concat();
    let files = [
        entry("config.json", b"0000644", config.to_string().as_bytes()),
        entry("layer.tar", b"0000644", &layer),
        entry("manifest.json", b"0000644", manifest.to_string().as_bytes()),
        end.to_vec(),
    ];
    files.concat().into()
}

/// A file in an archive.
fn entry(name: &str, mode: &[u8], data: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}", data.len());
    let mut entry = header(&[
        (0, name.as_bytes()),
        (100, mode),
        (108, b"0000000"), // root
        (116, b"0000000"),
        (124, size.as_bytes()),
        (136, b"07346545000"), // changed in 2001
        (156, b"0"),           // a plain file
        (257, b"ustar\x0000"),
    ]);
    entry.extend_from_slice(data);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// The header of a file in an archive, made of fields and their offsets.
fn header(fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[148..156].fill(b' '); // the checksum, which counts as spaces
    for (at, value) in fields {
        header[*at..at + value.len()].copy_from_slice(value);
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Removes the image of [`tiny`].
pub async fn drop_tiny(docker: &Docker, image: &str) -> Result<()> {
    docker
        .images()
        .remove(image, RemoveImage::default())
        .await
        .map(drop)
}

/// Loads an image from an archive, lists, inspects, tags and removes it.
pub async fn store(docker: Docker) -> Result<()> {
    let images = docker.images();
    let name = tiny(&docker).await?;
    let image = images.inspect(&name, Default::default()).await?;
    let config = image.config.clone().unwrap_or_default();
    assert_eq!(
        (config.cmd, config.labels["ptest"].as_str()),
        (vec!["/hello".to_owned()], "tiny")
    );
    assert_eq!(images.history(&name, Default::default()).await?.len(), 1);

    images.tag(&name, "ptest/other").await?;
    let mut options = ListImages::default();
    options.filters.label = ["ptest=tiny"].into();
    let listed = images.list(options.clone()).await?;
    let tags: Vec<&String> = listed.iter().flat_map(|image| &image.repo_tags).collect();
    assert!(
        tags.iter().any(|tag| tag.ends_with("ptest/other:latest")),
        "{tags:?}"
    );

    images.remove("ptest/other", RemoveImage::default()).await?;
    drop_tiny(&docker, &name).await?;
    assert!(
        images
            .inspect(&name, Default::default())
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert_eq!(images.list(options).await?, []);
    Ok(())
}

/// Loads an image from an archive, saves it, and loads it again.
pub async fn transfer(docker: Docker) -> Result<()> {
    let images = docker.images();
    let name = "ptest/tiny:1";
    images.load(saved(), Default::default()).await?.last().await?;
    let saved = images.save(name, Default::default()).await?.collect().await?;
    let all = images
        .save_all(&[name], Default::default())
        .await?
        .collect()
        .await?;
    assert!(saved.len() > 512 && all.len() > 512);
    drop_tiny(&docker, name).await?;
    images.load(saved, Default::default()).await?.last().await?;
    images.inspect(name, Default::default()).await?;
    drop_tiny(&docker, name).await
}

/// Saves and loads one platform of an image, which needs API 1.48.
pub async fn platforms(docker: Docker) -> Result<()> {
    let images = docker.images();
    let name = "ptest/tiny:1";
    let platform = |architecture: &str| OciPlatform {
        os: "linux".into(),
        architecture: architecture.into(),
        ..Default::default()
    };
    let save = |architecture| SaveImages {
        platforms: vec![platform(architecture)],
    };
    let load = |architecture| LoadImages {
        platforms: vec![platform(architecture)],
        ..Default::default()
    };
    if docker.version().await? < Version::new(1, 48) {
        let unsaved = images.save(name, save("amd64")).await.unwrap_err();
        let unloaded = images.load(saved(), load("amd64")).await.unwrap_err();
        for error in [unsaved, unloaded] {
            assert_eq!(error.kind(), ErrorKind::NeedsApi, "{error}");
        }
        return Ok(());
    }
    images.load(saved(), load("amd64")).await?.last().await?;
    let saved = images.save(name, save("amd64")).await?.collect().await?;
    assert!(saved.len() > 512);
    let other = async { images.save(name, save("s390x")).await?.collect().await };
    let other = other.await.unwrap_err();
    assert!(
        other.message().is_some_and(|text| text.contains("s390x")),
        "{other}"
    );
    drop_tiny(&docker, name).await?;
    images.load(saved, load("amd64")).await?.last().await?;
    assert_eq!(
        images.inspect(name, Default::default()).await?.architecture,
        "amd64"
    );
    drop_tiny(&docker, name).await
}

/// Prunes unused images by label.
pub async fn prune(docker: Docker) -> Result<()> {
    let name = tiny(&docker).await?;
    let options = PruneImages {
        dangling: Some(false),
        label: ["ptest=tiny"].into(),
        ..Default::default()
    };
    let pruned = docker.images().prune(options).await?;
    assert!(!pruned.images_deleted.is_empty());
    assert!(
        docker
            .images()
            .inspect(&name, Default::default())
            .await
            .unwrap_err()
            .is_not_found()
    );
    Ok(())
}

/// A registry that cannot be reached: an error at once, or an error in the stream, but never a
/// success.
pub async fn unreachable_registry(docker: Docker) -> Result<()> {
    let images = docker.images();
    let pull = async {
        let progress = images
            .pull("127.0.0.1:9/ptest/nothing", PullImage::default(), None)
            .await?;
        progress.last().await
    };
    let error = pull.await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Api | ErrorKind::Stream),
        "{error}"
    );
    assert_eq!(error.operation(), Some("ImageCreate"));

    let name = tiny(&docker).await?;
    images.tag(&name, "127.0.0.1:9/ptest/nothing:1").await?;
    let push = async {
        let progress = images
            .push("127.0.0.1:9/ptest/nothing:1", Default::default(), None)
            .await?;
        progress.last().await
    };
    let error = push.await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Api | ErrorKind::Stream),
        "{error}"
    );
    images
        .remove("127.0.0.1:9/ptest/nothing:1", RemoveImage::default())
        .await?;
    drop_tiny(&docker, &name).await
}

/// Rejected calls, each with the kind of its error.
pub async fn refusals(docker: Docker) -> Result<()> {
    let images = docker.images();
    for error in [
        images
            .inspect("ptest/nothing", Default::default())
            .await
            .unwrap_err(),
        images
            .history("ptest/nothing", Default::default())
            .await
            .unwrap_err(),
        images.tag("ptest/nothing", "ptest/other").await.unwrap_err(),
        images
            .remove("ptest/nothing", Default::default())
            .await
            .unwrap_err(),
    ] {
        assert!(error.is_not_found(), "{error}");
    }
    let unreachable = images
        .search("ptest", Default::default(), None)
        .await
        .unwrap_err();
    assert!(unreachable.status().is_some(), "{unreachable}");
    Ok(())
}

/// An archive of one file whose second half is missing.
fn cut() -> Bytes {
    let mut header = header(&[
        (0, b"hello"),
        (100, b"0000644"),     // mode
        (124, b"00000002000"), // 1024 bytes
        (136, b"07000000000"), // changed in 1999
        (156, b"0"),           // a plain file
    ]);
    header.resize(1024, b'x');
    header.into()
}

/// Loads, imports, builds from and uploads archives that were cut. Each call fails, in whatever way
/// the engine reports it.
pub async fn broken(docker: Docker) -> Result<()> {
    let images = docker.images();
    let load = async { images.load(cut(), Default::default()).await?.last().await };
    is_broken(load.await);
    let options = ImportImage {
        repo: "ptest/broken".into(),
        ..Default::default()
    };
    let import = async { images.import(cut(), options).await?.last().await };
    is_broken(import.await);
    // Docker's containerd store reports the error, but keeps the image.
    match images.remove("ptest/broken", RemoveImage::default()).await {
        Err(error) if error.is_not_found() => {}
        outcome => drop(outcome?),
    }
    let context = BuildContext::tar(cut());
    let build = async {
        images
            .build(context, BuildImage::default(), None)
            .await?
            .last()
            .await
    };
    is_broken(build.await);
    let id = docker.containers().create(shell("broken", "true")).await?.id;
    let containers = docker.containers();
    is_broken(containers.upload(&id, "/tmp", cut(), Default::default()).await);
    remove(&docker, &id).await
}

#[track_caller]
fn is_broken<T>(outcome: Result<T>) {
    match outcome {
        Ok(_) => panic!("a cut archive is taken for a whole one"),
        Err(error) => {
            let typed = matches!(error.kind(), ErrorKind::Api | ErrorKind::Stream);
            assert!(typed && error.to_string().contains("EOF"), "{error}");
        }
    }
}
