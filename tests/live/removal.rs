//! Containers that several callers remove at the same time, and the search by name.

use std::time::Duration;

use engine_api::containers::{CreateContainer, RemoveContainer, RemoveOutcome};
use tests::scenarios::{UNTIL_TOLD, has_written, shell, started};
use tokio::task::JoinSet;

use crate::support::engines;

const THOROUGH: RemoveContainer = RemoveContainer {
    force: true,
    volumes: true,
    link: false,
};
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn sixteen_removals_succeed_and_free_the_name() {
    for subject in engines() {
        let docker = &subject.docker;
        let id = started(docker, shell("removal", UNTIL_TOLD)).await.unwrap();
        has_written(docker, &id, "ready").await.unwrap();
        let mut removals = JoinSet::new();
        for _ in 0..16 {
            let (docker, id) = (docker.clone(), id.clone());
            removals.spawn(async move { docker.containers().remove_and_wait(&id, THOROUGH, PATIENCE).await });
        }
        let outcomes: Result<Vec<RemoveOutcome>, _> = removals.join_all().await.into_iter().collect();
        let outcomes = outcomes.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
        assert!(
            outcomes.contains(&RemoveOutcome::Removed),
            "{}: {outcomes:?}",
            subject.name
        );
        // Without a pause: the name is free.
        let again = docker.containers().create(shell("removal", "true")).await;
        let again = again
            .unwrap_or_else(|error| panic!("{}: {error}", subject.name))
            .id;
        let last = docker
            .containers()
            .remove_and_wait(&again, THOROUGH, PATIENCE)
            .await;
        assert_eq!(last.unwrap(), RemoveOutcome::Removed, "{}", subject.name);
        let gone = docker
            .containers()
            .remove_and_wait(&again, THOROUGH, PATIENCE)
            .await;
        assert_eq!(gone.unwrap(), RemoveOutcome::AlreadyGone, "{}", subject.name);
    }
}

#[tokio::test]
async fn find_by_name_matches_no_other_container() {
    for subject in engines() {
        let containers = subject.docker.containers();
        let named = |name: &str| CreateContainer {
            name: Some(name.into()),
            ..shell("", "true")
        };
        let (one, other) = ("ptest_find.1", "ptest_find-1");
        let id = containers.create(named(other)).await.unwrap().id;
        let nothing = containers.find_by_name(one).await.unwrap();
        assert!(nothing.is_none(), "{}: {nothing:?}", subject.name);
        let found = containers.find_by_name(other).await.unwrap();
        assert_eq!(found.map(|found| found.id), Some(id.clone()), "{}", subject.name);
        let longer = containers.create(named("ptest_find.1.b")).await.unwrap().id;
        let exact = containers.create(named(one)).await.unwrap().id;
        let found = containers.find_by_name(one).await.unwrap();
        assert_eq!(
            found.map(|found| found.id),
            Some(exact.clone()),
            "{}",
            subject.name
        );
        for id in [id, longer, exact] {
            containers.remove_and_wait(&id, THOROUGH, PATIENCE).await.unwrap();
        }
    }
}
