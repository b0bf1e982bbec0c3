//! Environments that are dropped or destroyed, and calls that are dropped, leave nothing behind.

use std::error::Error as _;
use std::time::{Duration, Instant};

use engine_api::containers::StopContainer;
use isolation::engines::docker::ContainerDiagnostics;
use isolation::{Command, Environment, Status};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{active, manager, sh, spec};
use crate::support::{LONG, engines, one_line};

#[tokio::test]
async fn dropped_creation_leaves_nothing() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        manager.registry().engines().next().unwrap().probe().await;
        for micros in [0, 300, 1_000, 3_000, 10_000, 30_000, 60_000, 200_000] {
            let limit = Duration::from_micros(micros);
            drop(timeout(limit, active(&manager, spec())).await);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        subject.until_nothing_is_left(&prefix).await;
    }
}

async fn sleepers(environment: &Environment) -> String {
    // Without the processes of this check.
    let script = "for p in /proc/[0-9]*; do [ \"$(tr '\\0' ' ' <$p/cmdline 2>/dev/null)\" = 'sleep 12345 ' ] \
                  && echo $p; done; true";
    sh(environment, script).await
}

#[tokio::test]
async fn command_dropped_while_starting_is_killed() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        for millis in [0, 1, 3, 10, 30, 60, 100, 150] {
            let started = environment.execute(Command::new(["sleep", "12345"]));
            drop(timeout(Duration::from_millis(millis), started).await);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        while !sleepers(&environment).await.is_empty() {
            assert!(began.elapsed() < LONG, "{}", subject.name);
        }
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn sixteen_destroys_at_once_all_succeed() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let environment = environment.clone();
            tasks.spawn(async move { environment.destroy().await });
        }
        while let Some(destroyed) = tasks.join_next().await {
            let destroyed = destroyed.unwrap();
            destroyed.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        }
        assert_eq!(environment.status(), Status::Destroyed);
        let opened = manager.open(environment.id().as_str()).await;
        assert!(opened.unwrap_err().is_not_found());
        assert_eq!(subject.containers(&prefix).await, [""; 0]);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn drop_at_the_end_of_a_runtime_is_cleaned_up() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let ending = runtime();
        ending.block_on(async { drop(active(&manager, spec()).await) });
        drop(ending);
        let left = runtime().block_on(subject.containers(&prefix));
        assert_eq!(left, [""; 0], "{}", subject.name);
    }
}

#[tokio::test]
async fn stopped_container_is_reported_and_can_be_restarted() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let environment = active(&manager, spec()).await;
        sh(&environment, "echo kept > /file").await;
        let container = &subject.containers(&prefix).await[0];
        let grace = StopContainer {
            timeout: Some(2 * i64::try_from(LONG.as_secs()).unwrap()),
            ..StopContainer::default()
        };
        let began = Instant::now();
        let containers = subject.docker.containers();
        containers.stop(container, grace).await.unwrap();
        assert!(began.elapsed() < LONG, "{}: it ignores SIGTERM", subject.name);
        let error = environment.run(Command::new(["true"])).await.unwrap_err();
        let failure = error
            .source()
            .and_then(|source| source.downcast_ref::<ContainerDiagnostics>());
        let state = failure.and_then(ContainerDiagnostics::state);
        let state = state.unwrap_or_else(|| panic!("{}: {}", subject.name, one_line(&error)));
        assert!(!state.running, "{}", subject.name);
        assert_eq!(environment.status(), Status::Stopped, "{}", subject.name);
        environment.start().await.unwrap();
        assert_eq!(sh(&environment, "cat /file").await, "kept");
        environment.destroy().await.unwrap();
    }
}
