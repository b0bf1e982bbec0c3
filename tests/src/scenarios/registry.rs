//! Registries, with and without credentials.
//!
//! They need a registry at 127.0.0.1:5000, as engines see it, with the user alice and the image
//! `multi/busybox`. The image is for several platforms, but not for s390x.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use engine_api::auth::{RegistryAuth, RegistryFailure};
use engine_api::images::{BuildContext, BuildImage, Builder, PullImage, RemoveImage};
use engine_api::{Docker, Error, Result};

use super::images::tiny;
use super::is_podman;

const PRIVATE: &str = "127.0.0.1:5000/ptest/private:1";

fn alice() -> RegistryAuth {
    RegistryAuth::user("alice", "s3cret")
}

async fn push(docker: &Docker, image: &str, auth: Option<&RegistryAuth>) -> Result<()> {
    let progress = docker.images().push(image, Default::default(), auth).await?;
    progress.last().await.map(drop)
}

async fn pull(docker: &Docker, image: &str, auth: Option<&RegistryAuth>) -> Result<()> {
    let progress = docker.images().pull(image, PullImage::default(), auth).await?;
    progress.last().await.map(drop)
}

async fn remove(docker: &Docker, image: &str) -> Result<()> {
    let removed = docker.images().remove(image, RemoveImage::default()).await;
    removed.map(drop)
}

/// The error of the registry.
fn refused(outcome: Result<()>) -> (Option<RegistryFailure>, Error) {
    let error = outcome.unwrap_err();
    (error.registry_failure(), error)
}

/// Pushes an image to a registry and pulls it again, as a known user.
pub async fn credentials(docker: Docker) -> Result<()> {
    let name = tiny(&docker).await?;
    docker.images().tag(&name, PRIVATE).await?;
    push(&docker, PRIVATE, Some(&alice())).await?;
    remove(&docker, PRIVATE).await?;
    remove(&docker, &name).await?;

    pull(&docker, PRIVATE, Some(&alice())).await?;
    let image = docker.images().inspect(PRIVATE, Default::default()).await?;
    assert_eq!(image.config.unwrap_or_default().labels["ptest"], "tiny");
    remove(&docker, PRIVATE).await
}

/// Checks credentials with the registry. Podman uses HTTPS for that, which the registry does not
/// support.
pub async fn login(docker: Docker) -> Result<()> {
    let mut auth = alice();
    auth.server_address = "127.0.0.1:5000".into();
    match docker.system().auth(&auth).await {
        Ok(status) => assert_eq!(status.status, "Login Succeeded"),
        Err(error) if error.status() == Some(500) => assert!(is_podman(&docker).await?, "{error}"),
        Err(error) => return Err(error),
    }
    let mut wrong = RegistryAuth::user("alice", "not-her-word");
    wrong.server_address = auth.server_address;
    let error = docker.system().auth(&wrong).await.unwrap_err();
    assert!(!error.to_string().contains("not-her-word"), "{error}");
    match error.status() {
        Some(500) => Ok(()),
        _ => Err(error),
    }
}

/// Missing and wrong credentials, and missing images.
pub async fn refusals(docker: Docker) -> Result<()> {
    let name = tiny(&docker).await?;
    docker.images().tag(&name, PRIVATE).await?;
    let wrong = RegistryAuth::user("alice", "not-her-word");
    for auth in [None, Some(&wrong)] {
        for outcome in [
            push(&docker, PRIVATE, auth).await,
            pull(&docker, PRIVATE, auth).await,
        ] {
            let (failure, error) = refused(outcome);
            assert_eq!(failure, Some(RegistryFailure::Unauthorized), "{error}");
            assert!(error.is_unauthorized(), "{error}");
            assert!(!error.to_string().contains("not-her-word"), "{error}");
            let hint = match auth {
                None => "the registry 127.0.0.1:5000 requires credentials, and the call sent none",
                Some(_) => "the registry 127.0.0.1:5000 rejects the credentials",
            };
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
    remove(&docker, PRIVATE).await?;
    remove(&docker, &name).await?;

    let missing = pull(&docker, "127.0.0.1:5000/ptest/nowhere:1", Some(&alice())).await;
    let (failure, error) = refused(missing);
    assert_eq!(failure, Some(RegistryFailure::NotFound), "{error}");
    let (failure, error) = refused(pull(&docker, "127.0.0.1:9/ptest/nowhere:1", None).await);
    assert_eq!(failure, Some(RegistryFailure::Unreachable), "{error}");
    Ok(())
}

/// An image that exists, but not for this platform.
pub async fn platforms(docker: Docker) -> Result<()> {
    let options = PullImage {
        platform: Some("linux/s390x".into()),
        ..Default::default()
    };
    let pull = async {
        let image = "127.0.0.1:5000/multi/busybox:latest";
        let progress = docker.images().pull(image, options, Some(&alice())).await?;
        progress.last().await.map(drop)
    };
    let (failure, error) = refused(pull.await);
    assert_eq!(failure, Some(RegistryFailure::NoPlatform), "{error}");
    Ok(())
}

/// Builds from a private image: without credentials, with wrong ones, and with those of its owner.
pub async fn build(docker: Docker) -> Result<()> {
    let images = docker.images();
    let base = "127.0.0.1:5000/ptest/base:1";
    let name = tiny(&docker).await?;
    images.tag(&name, base).await?;
    push(&docker, base, Some(&alice())).await?;
    remove(&docker, base).await?;
    remove(&docker, &name).await?;

    let build = async |auth: Option<RegistryAuth>| {
        let context = BuildContext::dockerfile(format!("FROM {base}\nLABEL ptest=built\n"));
        let options = BuildImage {
            tags: vec!["ptest/built:1".into()],
            builder: Builder::Classic,
            quiet: true,
            ..Default::default()
        };
        let registries = auth.map(|auth| BTreeMap::from([("127.0.0.1:5000".to_owned(), auth)]));
        let building = images.build(context.modified(UNIX_EPOCH), options, registries.as_ref());
        building.await?.last().await.map(drop)
    };
    for auth in [None, Some(RegistryAuth::user("alice", "not-her-word"))] {
        let (failure, error) = refused(build(auth).await);
        assert_eq!(failure, Some(RegistryFailure::Unauthorized), "{error}");
        assert!(!error.to_string().contains("not-her-word"), "{error}");
    }
    build(Some(alice())).await?;
    let image = images.inspect("ptest/built:1", Default::default()).await?;
    assert_eq!(image.config.unwrap_or_default().labels["ptest"], "built");
    remove(&docker, "ptest/built:1").await?;
    remove(&docker, base).await
}
