//! Images.

use engine_api::images::{ImportImage, ListImages, PruneImages, PullImage, RemoveImage};
use engine_api::{Docker, ErrorKind, Result, archive};

/// Makes an image of one small file, and gives its name.
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
        .finish()
        .await?;
    Ok("ptest/tiny:1".into())
}

/// Removes what [`tiny`] made.
pub async fn drop_tiny(docker: &Docker, image: &str) -> Result<()> {
    docker
        .images()
        .remove(image, RemoveImage::default())
        .await
        .map(drop)
}

/// An image from an archive: listed, inspected, tagged, removed.
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
    options.filters.label = vec!["ptest=tiny".into()];
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

/// An image to an archive and back.
pub async fn transfer(docker: Docker) -> Result<()> {
    let images = docker.images();
    let name = tiny(&docker).await?;
    let saved = images.save(&name, Default::default()).await?.collect().await?;
    let all = images
        .save_all(&[&name], Default::default())
        .await?
        .collect()
        .await?;
    assert!(saved.len() > 512 && all.len() > 512);
    drop_tiny(&docker, &name).await?;
    images.load(saved, Default::default()).await?.finish().await?;
    images.inspect(&name, Default::default()).await?;
    drop_tiny(&docker, &name).await
}

/// Unused images, by label.
pub async fn prune(docker: Docker) -> Result<()> {
    let name = tiny(&docker).await?;
    let options = PruneImages {
        dangling: Some(false),
        label: vec!["ptest=tiny".into()],
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

/// A registry that is not there: refused at once, or an error in the stream, but never a success.
pub async fn unreachable_registry(docker: Docker) -> Result<()> {
    let images = docker.images();
    let pull = async {
        let progress = images
            .pull("127.0.0.1:9/ptest/nothing", PullImage::default(), None)
            .await?;
        progress.finish().await
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
        progress.finish().await
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

/// Refusals, each with its kind.
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
