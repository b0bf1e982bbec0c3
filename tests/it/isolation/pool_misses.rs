//! Environments that are prepared ahead and not taken: the reasons, and what happens to them.

use std::time::Duration;

use fake_engine::{FakeEngine, Fault};
use isolation::{EngineChoice, Manager, PoolMiss};
use tests::chain;

use super::docker_engine::{IMAGE, settle, spec};
use super::pool::manager;

const AUTO: EngineChoice = EngineChoice::Auto;

fn misses(manager: &Manager) -> Vec<PoolMiss> {
    manager.pool_stats().misses.into_keys().collect()
}

async fn ended(manager: Manager, fake: &FakeEngine) {
    manager.shutdown().await.unwrap();
    drop(manager);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn second_taker_finds_the_place_empty() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    // Its successor is not ready yet.
    let slow = Fault::Delay(Duration::from_secs(60));
    fake.fail_next("POST", "/containers/create", slow);
    let first = manager.create(&AUTO, spec()).await.unwrap();
    let second = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Empty]);
    assert_ne!(first.id(), second.id());
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn first_use_of_a_failing_engine_is_a_miss() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    fake.fail_next(
        "GET",
        "/busybox:latest/json",
        Fault::internal_error("cannot look"),
    );
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Engine]);
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn environment_that_is_not_described_is_unusable() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let prepared = fake.snapshot().containers.pop_first().unwrap();
    let path = format!("/{prepared}/json");
    fake.fail_next("GET", &path, Fault::internal_error("cannot look"));
    let created = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Unusable]);
    assert!(!prepared.ends_with(created.id().as_str()));
    assert_eq!(manager.pool_stats().discarded, 1);
    assert!(!fake.snapshot().containers.contains(&prepared));
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn image_that_is_known_to_be_absent_is_pulled() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let manager = manager(&fake, 1);
    let created = manager.create(&AUTO, spec()).await.unwrap();
    let requests = fake.requests();
    let is_pull = |request: &&String| request.contains("/images/create");
    assert_eq!(requests.iter().filter(is_pull).count(), 1, "{requests:#?}");
    created.destroy().await.unwrap();
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn chosen_engine_gives_what_is_prepared() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let prepared = fake.snapshot().containers.pop_first().unwrap();
    let selection = manager.select(&AUTO, &spec()).await.unwrap();
    let taken = manager.create_on(&selection, spec()).await.unwrap();
    assert!(prepared.ends_with(taken.id().as_str()), "{prepared}");
    assert_eq!(manager.pool_stats().hits, 1);
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn preparation_ends_if_the_image_is_unknown() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let first = manager(&fake, 1);
    first.prepare(&AUTO, spec()).await.unwrap();
    let is_question = |request: &String| request.ends_with("/busybox:latest/json");
    let last = fake.requests().iter().rposition(is_question).unwrap();
    ended(first, &fake).await;
    let fake = FakeEngine::new().with_image(IMAGE);
    let second = manager(&fake, 1);
    // The engine has created one, and does not say from which image a new one would come.
    fake.fail_nth(last, Fault::internal_error("cannot look"));
    let error = second.prepare(&AUTO, spec()).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    assert_eq!(second.pool_stats().ready, 0);
    assert_eq!(fake.resources(), [""; 0]);
    ended(second, &fake).await;
}
