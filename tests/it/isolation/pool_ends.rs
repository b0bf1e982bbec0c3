//! Environments that are prepared while their image changes, or while the manager is shut down.

use std::time::Duration;

use fake_engine::{FakeEngine, Fault};
use isolation::{EngineChoice, EnvironmentSpec, ErrorKind, Lifetime, Manager, PoolMiss};
use serde_json::json;
use tests::chain;
use tokio::time::sleep;

use super::docker_engine::{IMAGE, settle, spec};
use super::pool::manager;

const AUTO: EngineChoice = EngineChoice::Auto;

async fn ended(manager: Manager, fake: &FakeEngine) {
    manager.shutdown().await.unwrap();
    drop(manager);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// The number of the request that asks for the image after an environment was prepared.
async fn last_look() -> usize {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let is_look = |request: &String| request.ends_with("/busybox:latest/json");
    let last = fake.requests().iter().rposition(is_look).unwrap();
    ended(manager, &fake).await;
    last
}

#[tokio::test(start_paused = true)]
async fn environment_of_an_older_image_is_not_kept() {
    let last = last_look().await;
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    // Somebody has moved the name of the image while the environment was prepared.
    fake.fail_nth(last, Fault::Patch(json!({"Id": "sha256:other"})));
    manager.prepare(&AUTO, spec()).await.unwrap();
    let creations = fake.requests();
    let is_creation = |request: &&String| request.contains("/containers/create");
    assert!(creations.iter().filter(is_creation).count() > 1, "{creations:#?}");
    assert_eq!(manager.pool_stats().ready, 1);
    assert_eq!(fake.snapshot().containers.len(), 1);
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn image_pulled_meanwhile_is_that_of_the_place() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().ready, 1);
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn environment_prepared_after_the_end_is_destroyed() {
    let last = last_look().await;
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    fake.fail_nth(last, Fault::Delay(Duration::from_secs(60)));
    let shutdown = async {
        sleep(Duration::from_secs(30)).await;
        manager.shutdown().await.unwrap();
    };
    let (prepared, ()) = tokio::join!(manager.prepare(&AUTO, spec()), shutdown);
    drop(prepared);
    assert_eq!(manager.pool_stats().ready, 0);
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn preparation_that_hangs_does_not_stop_the_shutdown() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    fake.fail_next("POST", "/containers/create", Fault::StallBefore);
    let taken = manager.create(&AUTO, spec()).await.unwrap();
    // The next one is being prepared.
    sleep(Duration::from_secs(1)).await;
    taken.destroy().await.unwrap();
    let began = tokio::time::Instant::now();
    manager.shutdown().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    drop(manager);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn environment_that_is_never_prepared_is_a_miss() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let invalid = EnvironmentSpec {
        working_dir: Some("a\0b".to_owned()),
        ..spec()
    };
    let error = manager.create(&AUTO, invalid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    assert!(
        manager.pool_stats().misses.is_empty(),
        "{:?}",
        manager.pool_stats()
    );
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let selection = manager.select(&AUTO, &kept).await.unwrap();
    let made = manager.create_on(&selection, kept).await.unwrap();
    let stats = manager.pool_stats();
    assert_eq!(stats.misses, [(PoolMiss::Lifetime, 1)].into(), "{stats:?}");
    assert_eq!(stats.ready, 1);
    made.destroy().await.unwrap();
    ended(manager, &fake).await;
}

#[tokio::test(start_paused = true)]
async fn creation_that_ends_after_the_shutdown_is_undone() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    let slow = Fault::Late(Duration::from_secs(60));
    fake.fail_next("POST", "/containers/create", slow);
    let shutdown = async {
        sleep(Duration::from_secs(30)).await;
        manager.shutdown().await.unwrap();
    };
    let (created, ()) = tokio::join!(manager.create(&AUTO, spec()), shutdown);
    let error = created.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown, "{}", chain(&error));
    ended(manager, &fake).await;
}
