//! Health checks: who runs them, when the first one comes, and what a failure says.

use std::error::Error as _;
use std::time::Duration;

use engine_api::Version;
use engine_api::containers::{HealthStatus, InspectContainer};
use isolation::{Command, EnvironmentSpec, ErrorKind, HealthSpec, Lifetime, Main, NotReady, WaitFor};

use super::{active, manager, spec};
use crate::support::{LONG, engines, one_line, until};

fn checked(check: Command, health: &HealthSpec) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell("sleep 100000")),
        health: Some(HealthSpec {
            check: Some(check),
            ..health.clone()
        }),
        ..spec()
    }
}

/// With the default of the daemon, the first check of a container with a start period comes after
/// five seconds, whatever the interval is.
#[tokio::test]
async fn daemon_checks_as_often_in_the_start_period() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let health = HealthSpec {
            interval: Some(Duration::from_secs(1)),
            start_period: Some(Duration::from_secs(3600)),
            ..HealthSpec::default()
        };
        let kept = EnvironmentSpec {
            lifetime: Lifetime::Kept,
            ..checked(Command::new(["true"]), &health)
        };
        let environment = active(&manager, kept).await;
        let name = subject.containers(&prefix).await.remove(0);
        let containers = subject.docker.containers();
        let inspected = async || {
            containers
                .inspect(&name, InspectContainer::default())
                .await
                .unwrap()
        };
        if subject.docker.is_podman() != Some(true) {
            let found = inspected().await.config.healthcheck.unwrap();
            let knows = subject.docker.version().await.unwrap() >= Version::new(1, 44);
            let expected = if knows { 1_000_000_000 } else { 0 };
            assert_eq!(found.start_interval, expected, "{}", subject.name);
            until("the daemon finds it healthy", async || {
                let health = inspected().await.state.health;
                health.is_some_and(|health| health.status == HealthStatus::Healthy)
            })
            .await;
        }
        environment.wait_until(&WaitFor::Healthy, LONG).await.unwrap();
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn failed_health_check_has_its_last_five_results() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        // The results differ.
        let prints = "echo check $$; exit 1";
        let health = HealthSpec {
            interval: Some(Duration::from_secs(1)),
            retries: Some(4),
            ..HealthSpec::default()
        };
        let environment = active(&manager, checked(Command::shell(prints), &health)).await;
        let error = environment.wait_until(&WaitFor::Healthy, LONG).await.unwrap_err();
        let text = one_line(&error);
        assert_eq!(error.kind(), ErrorKind::Unhealthy, "{}: {text}", subject.name);
        let source = error.source().unwrap();
        let not_ready = source.downcast_ref::<NotReady>().unwrap();
        // A busy daemon may be asked four times only.
        let count = not_ready.checks.len();
        assert!((4..=5).contains(&count), "{}: {text}", subject.name);
        for check in &not_ready.checks {
            assert!(text.contains(check.output.trim()), "{}: {text}", subject.name);
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
