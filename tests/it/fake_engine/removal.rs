//! Removal of containers from the fake engine, at the same time and in the background.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{RemoveContainer, RemoveOutcome, RunState, StartContainer};
use engine_api::error::Phase;
use tests::scenarios::{UNTIL_TOLD, remove, shell, started};
use tokio::time::Instant;

use super::containers::{engine, status};

#[tokio::test(start_paused = true)]
async fn removal_in_progress_is_a_conflict() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(3));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let removal = {
        let (docker, id) = (docker.clone(), id.clone());
        tokio::spawn(async move { remove(&docker, &id).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&docker, &id).await.unwrap().0, RunState::Removing);
    let error = remove(&docker, &id).await.unwrap_err();
    assert!(
        error.is_conflict() && error.to_string().contains("already in progress"),
        "{error}"
    );
    removal.await.unwrap().unwrap();
    assert!(status(&docker, &id).await.unwrap_err().is_not_found());
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn sixteen_removals_succeed_and_one_has_removed_it() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(3));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let outcomes = ensured(&docker, &id, 16).await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!(
        (
            count(RemoveOutcome::Removed),
            count(RemoveOutcome::RemovedByOther)
        ),
        (1, 15),
        "{outcomes:?}"
    );
    assert_eq!(ensured(&docker, &id, 1).await, [RemoveOutcome::AlreadyGone]);
    assert_eq!(fake.resources(), [""; 0]);
}

/// Removals of one container, all at the same time.
async fn ensured(docker: &Docker, id: &str, count: usize) -> Vec<RemoveOutcome> {
    let mut removals = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (docker, id) = (docker.clone(), id.to_owned());
        removals.spawn(async move {
            let timeout = Duration::from_secs(10);
            let containers = docker.containers();
            containers.remove_and_wait(&id, THOROUGH, timeout).await.unwrap()
        });
    }
    removals.join_all().await
}

const THOROUGH: RemoveContainer = RemoveContainer {
    force: true,
    volumes: true,
    link: false,
};

#[tokio::test(start_paused = true)]
async fn removal_reports_a_timeout_and_a_failure() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(60));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let containers = docker.containers();
    let timeout = Duration::from_secs(5);
    let runs = containers
        .remove_and_wait(&id, RemoveContainer::default(), timeout)
        .await
        .unwrap_err();
    assert!(runs.is_conflict(), "{runs}");

    let begun = Instant::now();
    let late = containers
        .remove_and_wait(&id, THOROUGH, timeout)
        .await
        .unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(
        (late.phase(), late.operation(), late.subject()),
        (Some(Phase::Total), Some("ContainerDelete"), Some(id.as_str()))
    );
}

#[tokio::test(start_paused = true)]
async fn auto_removed_container_takes_its_volumes() {
    let (fake, docker) = engine();
    let mut container = shell("itself", "sleep 5");
    container.host_config.auto_remove = true;
    container.volumes = ["/data".to_owned()].into_iter().collect();
    started(&docker, container).await.unwrap();
    assert_eq!(
        (fake.snapshot().containers.len(), fake.snapshot().volumes.len()),
        (1, 1)
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn attach_gets_all_output_of_an_auto_removed_one() {
    let (fake, docker) = engine();
    let mut container = shell("itself", "echo all of it");
    container.host_config.auto_remove = true;
    let id = docker.containers().create(container).await.unwrap().id;
    let attached = docker.containers().attach(&id, Default::default()).await.unwrap();
    docker
        .containers()
        .start(&id, StartContainer::default())
        .await
        .unwrap();
    let output = attached.output.collect().await.unwrap();
    assert_eq!(&output.0[..], b"all of it\n");
    assert_eq!(fake.resources(), [""; 0]);
}
