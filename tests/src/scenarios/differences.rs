//! Differences between Podman and Docker that no other scenario shows.
//!
//! `engine-api/PODMAN.md` lists all differences.

use engine_api::containers::{AttachContainer, HostConfig, WaitCondition};
use engine_api::exec::{CreateExec, StartExec};
use engine_api::secrets::SecretSpec;
use engine_api::{Docker, Result, Version};

use super::{APART, UNTIL_TOLD, has_written, is_podman, remove, shell, started};

/// The status of an untyped call.
async fn status(docker: &Docker, method: &str, path: &str, body: Option<&'static str>) -> Result<u16> {
    let call = docker.raw(method, path);
    let call = match body {
        Some(body) => call.json(body),
        None => call,
    };
    let reply = call.send().await?;
    reply.body.collect().await?;
    Ok(reply.status)
}

/// Invalid requests: an unknown version, a body that ends too early, too little memory.
pub async fn requests(docker: Docker) -> Result<()> {
    let podman = is_podman(&docker).await?;
    let newer = status(&docker, "GET", "/v1.99/version", None).await?;
    assert_eq!(newer, if podman { 200 } else { 400 });
    let older = docker.version().await? < Version::new(1, 42);
    let broken = status(&docker, "POST", "/containers/create", Some("{")).await?;
    assert_eq!(broken, if podman || older { 500 } else { 400 });

    let mut container = shell("difference", "true");
    container.host_config = HostConfig {
        memory: 1,
        ..Default::default()
    };
    match docker.containers().create(container).await {
        Ok(created) => {
            assert!(podman, "Docker wants some megabytes");
            remove(&docker, &created.id).await
        }
        Err(error) => {
            assert!(!podman && error.status() == Some(400), "{error}");
            Ok(())
        }
    }
}

/// Secrets without a swarm, which only Podman supports.
pub async fn secrets(docker: Docker) -> Result<()> {
    let secrets = docker.secrets();
    let mut spec = SecretSpec {
        name: "ptest_secret".into(),
        data: "correct horse battery".into(),
        ..Default::default()
    };
    let id = match secrets.create(spec.clone()).await {
        Err(error) if error.status() == Some(503) && !is_podman(&docker).await? => return Ok(()),
        created => created?.id,
    };
    let secret = secrets.inspect("ptest_secret").await?;
    assert_eq!((&secret.id, secret.spec.data.is_empty()), (&id, true));
    spec.labels.insert("colour".into(), "blue".into());
    let error = secrets
        .update(&id, secret.version, spec.clone())
        .await
        .unwrap_err();
    assert!(error.is_not_implemented(), "{error}");
    secrets.remove(&id).await?;
    assert!(secrets.inspect(&id).await.unwrap_err().is_not_found());
    Ok(())
}

/// Attaches to a container that has ended: Podman forgets its exit code.
pub async fn ended(docker: Docker) -> Result<()> {
    let podman = is_podman(&docker).await?;
    let containers = docker.containers();
    let id = started(&docker, shell("ended", &format!("{APART}; exit 3"))).await?;
    assert_eq!(
        containers.wait(&id, WaitCondition::NotRunning).await?.status_code,
        3
    );
    // It has no effect before the next start.
    drop(containers.attach(&id, AttachContainer::default()).await?);
    let state = containers.inspect(&id, Default::default()).await?.state;
    assert_eq!(state.exit_code, if podman { 0 } else { 3 }, "{state:?}");
    remove(&docker, &id).await
}

/// Calls on a running container: a removal without force, a command without streams.
pub async fn running(docker: Docker) -> Result<()> {
    let podman = is_podman(&docker).await?;
    let id = started(&docker, shell("running", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let error = docker
        .containers()
        .remove(&id, Default::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(if podman { 500 } else { 409 }), "{error}");
    let silent = CreateExec {
        // Longer than the time until the first polls.
        cmd: ["sleep", "0.7"].into(),
        ..Default::default()
    };
    let exec = docker.execs().create(&id, silent).await?.id;
    match docker.execs().start(&exec, StartExec::default()).await {
        Ok(started) => {
            assert!(!podman, "Podman wants a stream");
            started.output.collect().await?;
            assert_eq!(docker.execs().wait(&exec).await?, 0);
        }
        Err(error) => assert!(podman && error.status() == Some(500), "{error}"),
    }
    remove(&docker, &id).await
}
