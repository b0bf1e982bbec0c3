//! Environments that are prepared ahead, and many at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use isolation::{Command, EngineChoice, EventKind, Manager, ManagerOptions, Registry};
use tokio::task::JoinSet;

use super::{engine, sh, spec};
use crate::support::{Subject, engines, next_event, one_line};

/// How long a container may take to start.
const SLOWEST: Duration = Duration::from_secs(30);

fn manager_with_pool(subject: &Subject, pool: usize) -> (Manager, String) {
    let (engine, prefix) = engine(subject);
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        pool,
        // A daemon with many containers on a busy machine answers late.
        cleanup_timeout: Duration::from_secs(60),
        ..ManagerOptions::default()
    };
    (Manager::with_options(registry, options), prefix)
}

#[tokio::test]
async fn prepared_environments_are_used_once_and_replaced() {
    for subject in engines() {
        let (manager, prefix) = manager_with_pool(&subject, 2);
        let prepared = manager.prepare(&EngineChoice::Auto, spec()).await;
        prepared.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        for round in 0..4 {
            let taken = manager.create(&EngineChoice::Auto, spec()).await.unwrap();
            // Nothing of an earlier use is in it.
            assert_eq!(
                sh(&taken, "ls /tmp; touch /tmp/used").await,
                "",
                "{} {round}",
                subject.name
            );
            taken.destroy().await.unwrap();
            manager.prepare(&EngineChoice::Auto, spec()).await.unwrap();
        }
        let stats = manager.pool_stats();
        assert_eq!((stats.hits, stats.ready), (4, 2), "{}: {stats:?}", subject.name);
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn dropped_manager_leaves_no_prepared_environment() {
    for subject in engines() {
        let (manager, prefix) = manager_with_pool(&subject, 2);
        let first = manager.create(&EngineChoice::Auto, spec()).await.unwrap();
        // The next ones are being prepared now.
        drop((first, manager));
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn many_environments_start_at_the_same_time() {
    for subject in engines() {
        let (manager, prefix) = manager_with_pool(&subject, 0);
        let mut events = manager.subscribe();
        let manager = Arc::new(manager);
        let mut tasks = JoinSet::new();
        for _ in 0..12 {
            let manager = Arc::clone(&manager);
            tasks.spawn(async move {
                let began = Instant::now();
                let created = manager.create(&EngineChoice::Auto, spec()).await;
                (created, began.elapsed())
            });
        }
        let mut all = Vec::new();
        while let Some(created) = tasks.join_next().await {
            let (created, took) = created.unwrap();
            let created = created.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
            assert!(took < SLOWEST, "{}: {took:?}", subject.name);
            all.push(created);
        }
        for environment in &all {
            assert!(
                environment
                    .run(Command::new(["true"]))
                    .await
                    .unwrap()
                    .exit
                    .success()
            );
        }
        manager.shutdown().await.unwrap();
        drop((all, manager));
        let mut steps = 0;
        while let Some(event) = next_event(&mut events).await {
            steps += usize::from(matches!(event.unwrap().kind, EventKind::Step { .. }));
        }
        assert!(steps >= 24, "{}: {steps} steps", subject.name);
        subject.until_nothing_is_left(&prefix).await;
    }
}
