//! Environments that are prepared ahead, on the fake engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::RemoveContainer;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, PullPolicy};
use isolation::{
    Command, CopyIn, EngineChoice, EnvironmentSpec, ErrorKind, EventKind, Lifetime, Main, Manager,
    ManagerOptions, Mount, NetworkMode, PoolMiss, PoolStats, Registry, WaitFor,
};
use tests::chain;

use super::docker_engine::until_gone;

const IMAGE: &str = "busybox:latest";
const AUTO: EngineChoice = EngineChoice::Auto;

fn manager_with(fake: &FakeEngine, policy: PullPolicy, pool: usize) -> Manager {
    let engine = DockerEngine::new(Docker::with_connector(fake.clone())).with_pull(policy);
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        pool,
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

pub(super) fn manager(fake: &FakeEngine, pool: usize) -> Manager {
    manager_with(fake, PullPolicy::default(), pool)
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        ..EnvironmentSpec::default()
    }
}

fn misses(manager: &Manager) -> Vec<PoolMiss> {
    manager.pool_stats().misses.into_keys().collect()
}

async fn until_ready(manager: &Manager, count: usize) -> PoolStats {
    for _ in 0..1000 {
        let stats = manager.pool_stats();
        if stats.ready == count {
            return stats;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", manager.pool_stats());
}

#[tokio::test(start_paused = true)]
async fn prepared_environment_is_taken_once_and_replaced() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 2);
    let mut events = manager.subscribe();
    manager.prepare(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().ready, 2);
    let before = fake.snapshot().containers;
    let first = manager.create(&AUTO, spec()).await.unwrap();
    let second = manager.create(&AUTO, spec()).await.unwrap();
    assert_ne!(first.id(), second.id());
    for one in [&first, &second] {
        assert!(
            before.iter().any(|name| name.ends_with(one.id().as_str())),
            "{before:?}"
        );
        assert!(one.run(Command::new(["true"])).await.unwrap().exit.success());
    }
    let stats = until_ready(&manager, 2).await;
    assert_eq!((stats.hits, stats.prepared), (2, 4));
    assert!(stats.misses.is_empty(), "{stats:?}");
    // Another specification is another shelf.
    let other = EnvironmentSpec {
        user: Some("1000".to_owned()),
        ..spec()
    };
    manager.create(&AUTO, other).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::FirstUse]);
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
    assert_eq!(manager.pool_stats().ready, 0);
    drop((first, second, manager));
    let (mut hits, mut reasons) = (0, Vec::new());
    while let Some(event) = events.next().await {
        match event.unwrap().kind {
            EventKind::PoolHit => hits += 1,
            EventKind::PoolMiss { reason } => reasons.push(reason),
            _ => {}
        }
    }
    assert_eq!((hits, reasons), (2, vec![PoolMiss::FirstUse]));
}

#[tokio::test(start_paused = true)]
async fn first_use_prepares_the_next_one() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    let first = manager.create(&AUTO, spec()).await.unwrap();
    until_ready(&manager, 1).await;
    let second = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    until_ready(&manager, 1).await;
    drop((first, second, manager));
    until_gone(&fake).await;
}

#[tokio::test(start_paused = true)]
async fn environment_that_has_ended_is_not_taken() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let docker = Docker::with_connector(fake.clone());
    let name = fake.snapshot().containers.pop_first().unwrap();
    let force = RemoveContainer {
        force: true,
        ..RemoveContainer::default()
    };
    docker.containers().remove(&name, force).await.unwrap();
    let taken = manager.create(&AUTO, spec()).await.unwrap();
    assert!(taken.run(Command::new(["true"])).await.unwrap().exit.success());
    let stats = manager.pool_stats();
    assert_eq!((stats.hits, stats.discarded), (0, 1));
    assert_eq!(misses(&manager), [PoolMiss::Unusable]);
    manager.shutdown().await.unwrap();
}

/// The calls since the last reset, without versions, names and queries.
fn calls(fake: &FakeEngine) -> Vec<String> {
    let requests = fake.requests().into_iter();
    let mut calls: Vec<String> = requests
        .map(|request| {
            let path = request.split('?').next().unwrap_or_default();
            let (method, path) = path.split_once(' ').unwrap_or_default();
            let mut parts = path.split('/').filter(|part| !part.is_empty());
            let of = parts.find(|part| !part.starts_with("v1."));
            format!(
                "{method} {} {}",
                of.unwrap_or_default(),
                parts.next_back().unwrap_or_default()
            )
        })
        .collect();
    calls.sort();
    calls
}

#[tokio::test(start_paused = true)]
async fn borrow_asks_for_the_container_and_its_image() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 2);
    manager.prepare(&AUTO, spec()).await.unwrap();
    for _ in 0..2 {
        fake.reset();
        let taken = manager.create(&AUTO, spec()).await.unwrap();
        assert_eq!(calls(&fake), ["GET containers json", "GET images json"]);
        taken.destroy().await.unwrap();
    }
    assert_eq!(manager.pool_stats().hits, 2);
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn environment_with_an_earlier_image_is_not_taken() {
    let other = "busybox:other";
    let fake = FakeEngine::new()
        .with_image(IMAGE)
        .with_image(other)
        .with_image("busybox:first");
    let manager = manager(&fake, 2);
    manager.prepare(&AUTO, spec()).await.unwrap();
    let before = fake.snapshot().containers;
    let docker = Docker::with_connector(fake.clone());
    docker.images().tag(other, IMAGE).await.unwrap();
    let made = manager.create(&AUTO, spec()).await.unwrap();
    let id = made.id().as_str();
    assert!(!before.iter().any(|name| name.ends_with(id)), "{before:?}");
    let stats = manager.pool_stats();
    assert_eq!((stats.hits, stats.discarded), (0, 2));
    assert_eq!(misses(&manager), [PoolMiss::ImageChanged]);
    // The next ones have the new image.
    until_ready(&manager, 2).await;
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    // Also if they are prepared by a call.
    until_ready(&manager, 2).await;
    docker.images().tag("busybox:first", IMAGE).await.unwrap();
    manager.prepare(&AUTO, spec()).await.unwrap();
    let stats = manager.pool_stats();
    assert_eq!((stats.ready, stats.discarded), (2, 4));
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 2);
    drop(made);
    manager.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn environment_of_a_silent_engine_stays() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    fake.fail_next(
        "GET",
        &format!("/images/{IMAGE}/json"),
        Fault::internal_error("busy"),
    );
    let made = manager.create(&AUTO, spec()).await.unwrap();
    let stats = manager.pool_stats();
    assert_eq!((stats.hits, stats.discarded, stats.ready), (0, 0, 1));
    assert_eq!(misses(&manager), [PoolMiss::Engine]);
    let taken = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    drop((made, taken));
    manager.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn environment_that_cannot_be_prepared_has_a_reason() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    let copies = vec![CopyIn {
        source: std::env::temp_dir(),
        target: "t".to_owned(),
    }];
    let copied = EnvironmentSpec { copies, ..spec() };
    let error = manager.prepare(&AUTO, copied).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        chain(&error).contains("copy them after the creation"),
        "{}",
        chain(&error)
    );
    let off = manager_with(&fake, PullPolicy::default(), 0);
    let error = off.prepare(&AUTO, spec()).await.unwrap_err();
    assert!(
        chain(&error).contains("ManagerOptions::pool"),
        "{}",
        chain(&error)
    );
    off.create(&AUTO, spec()).await.unwrap().destroy().await.unwrap();
    assert_eq!(off.pool_stats(), PoolStats::default());
    manager.shutdown().await.unwrap();
    let error = manager.prepare(&AUTO, spec()).await.unwrap_err();
    assert!(chain(&error).contains("shut down"), "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn specification_that_is_not_prepared_says_why() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    let with = |change: &dyn Fn(&mut EnvironmentSpec)| {
        let mut spec = spec();
        change(&mut spec);
        spec
    };
    let mount = Mount::host(std::env::temp_dir(), "/tmp");
    for (spec, words) in [
        (with(&|spec| spec.lifetime = Lifetime::Kept), "kept or shared"),
        (with(&|spec| spec.name = Some("web".to_owned())), "it has a name"),
        (
            with(&|spec| spec.network.ports.push("8080:80".parse().unwrap())),
            "a fixed port of the host",
        ),
        (
            with(&|spec| {
                spec.network.mode = NetworkMode::Private;
                spec.network.aliases.push("db".to_owned());
            }),
            "aliases on a network",
        ),
        (
            with(&|spec| {
                spec.main = Main::Command(Command::new(["sleep", "1000"]));
                spec.mounts.push(mount.clone());
            }),
            "mount it read-only",
        ),
    ] {
        let error = manager.prepare(&AUTO, spec).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
        assert!(chain(&error).contains(words), "{words}: {}", chain(&error));
    }
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_that_is_pulled_each_time_is_not_prepared() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let manager = manager_with(&fake, PullPolicy::Always, 1);
    manager.create(&AUTO, spec()).await.unwrap();
    manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Engine]);
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn failed_preparation_is_an_error_and_leaves_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    fake.fail_next("POST", "/start", Fault::internal_error("no more"));
    let error = manager.prepare(&AUTO, spec()).await.unwrap_err();
    assert!(chain(&error).contains("no more"), "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
    assert_eq!(manager.pool_stats().ready, 0);
    manager.prepare(&AUTO, spec()).await.unwrap();
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn many_specifications_share_the_places() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 4);
    for user in 0..6 {
        let user = Some((1000 + user).to_string());
        manager
            .prepare(&AUTO, EnvironmentSpec { user, ..spec() })
            .await
            .unwrap();
    }
    let stats = manager.pool_stats();
    assert_eq!((stats.ready, stats.discarded), (16, 8));
    assert_eq!(fake.snapshot().containers.len(), 16);
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn prepared_environment_stays_without_an_answer() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, spec()).await.unwrap();
    // It may be the right one, but the daemon does not say that.
    fake.fail_next("GET", "/busybox:latest/json", Fault::internal_error("busy"));
    let made = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Engine]);
    let stats = manager.pool_stats();
    assert_eq!((stats.hits, stats.discarded), (0, 0), "{stats:?}");
    let taken = manager.create(&AUTO, spec()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    manager.shutdown().await.unwrap();
    drop((made, taken));
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn environment_that_is_not_ready_is_not_taken() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let is_ready = Arc::new(AtomicBool::new(true));
    let (answer, next) = (Arc::clone(&is_ready), Arc::clone(&is_ready));
    fake.on_command("check", move |_| {
        let ready = answer.load(Ordering::Acquire);
        async move { i32::from(!ready) }
    });
    let waiting = || EnvironmentSpec {
        ready: Some(WaitFor::Command(Command::new(["check"])).into()),
        ..spec()
    };
    let manager = manager(&fake, 1);
    manager.prepare(&AUTO, waiting()).await.unwrap();
    let taken = manager.create(&AUTO, waiting()).await.unwrap();
    assert_eq!(manager.pool_stats().hits, 1);
    until_ready(&manager, 1).await;
    is_ready.store(false, Ordering::Release);
    // A new one becomes ready after some time.
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        next.store(true, Ordering::Release);
    });
    let made = manager.create(&AUTO, waiting()).await.unwrap();
    assert_eq!(misses(&manager), [PoolMiss::Unusable]);
    assert_eq!(manager.pool_stats().discarded, 1);
    manager.shutdown().await.unwrap();
    drop((taken, made));
    assert_eq!(fake.resources(), [""; 0]);
}
