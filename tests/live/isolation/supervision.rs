//! The health check: who runs it, its outputs. Restarts that make the container anew.

use std::time::{Duration, Instant};

use engine_api::containers::{HealthStatus, InspectContainer};
use isolation::engines::docker::BuildSpec;
use isolation::{
    CheckResult, Command, Environment, EnvironmentSpec, ErrorKind, EventKind, Health, HealthSpec, Lifetime,
    Main, Recovery, RestartOnExit, RestartSpec,
};
use tests::chain;

use super::{active, create, manager, of_image, sh, spec};
use crate::support::{IMAGE, LONG, Subject, engines};

const CHECK: &str = "echo looked; [ -e /ok ]";

fn health(check: Option<&str>) -> HealthSpec {
    HealthSpec {
        check: check.map(Command::shell),
        interval: Some(Duration::from_millis(300)),
        retries: Some(1),
        start_period: Some(LONG),
        ..HealthSpec::default()
    }
}

/// Waits until the health is another one, and returns the checks.
async fn until(environment: &Environment, health: Health) -> Vec<CheckResult> {
    let began = Instant::now();
    loop {
        let found = environment.inspect().await.unwrap().health;
        if let Some(found) = found.filter(|found| found.status == health && !found.checks.is_empty()) {
            assert_eq!(environment.health(), Some(health));
            return found.checks;
        }
        assert!(began.elapsed() < LONG, "it does not become {health:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The health as the daemon sees it; `None` if it runs no check.
async fn of_daemon(subject: &Subject, environment: &Environment) -> Option<HealthStatus> {
    let name = environment.inspect().await.unwrap().details["container"].clone();
    let containers = subject.docker.containers();
    let found = containers
        .inspect(&name, InspectContainer::default())
        .await
        .unwrap();
    let health = found.state.health.map(|health| health.status);
    health.filter(|status| *status != HealthStatus::None)
}

#[tokio::test]
async fn health_of_a_kept_one_is_the_daemons() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let kept = EnvironmentSpec {
            lifetime: Lifetime::Kept,
            health: Some(health(Some(CHECK))),
            ..spec()
        };
        let environment = active(&manager, kept).await;
        sh(&environment, "touch /ok").await;
        let checks = until(&environment, Health::Healthy).await;
        assert_eq!(checks.last().unwrap().output.trim(), "looked");
        if !subject.docker.system().ping().await.unwrap().is_podman() {
            // Another process sees it, too.
            let other = super::manager_of(super::engine(&subject).0.with_prefix(&prefix).unwrap());
            let opened = other.open(environment.id().as_str()).await.unwrap();
            until(&opened, Health::Healthy).await;
            let by_daemon = of_daemon(&subject, &environment).await;
            assert_eq!(by_daemon, Some(HealthStatus::Healthy), "{}", subject.name);
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn health_of_an_owned_one_is_ours_alone() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let image = image_with_a_check(&subject).await;
        // Podman writes no health check into an image of its default format.
        let podman = subject.docker.system().ping().await.unwrap().is_podman();
        let own = podman.then_some("echo image; [ -e /ok ]");
        let owned = EnvironmentSpec {
            health: Some(health(own)),
            ..of_image(&image)
        };
        let environment = active(&manager, owned.clone()).await;
        sh(&environment, "touch /ok").await;
        let checks = until(&environment, Health::Healthy).await;
        assert_eq!(checks.last().unwrap().output.trim(), "image", "{}", subject.name);
        assert_eq!(of_daemon(&subject, &environment).await, None, "{}", subject.name);
        let disabled = EnvironmentSpec {
            health: Some(HealthSpec::disabled()),
            ..owned
        };
        let quiet = active(&manager, disabled).await;
        assert_eq!(of_daemon(&subject, &quiet).await, None, "{}", subject.name);
        assert_eq!(quiet.inspect().await.unwrap().health, None);
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
        super::remove_image(&subject, &image).await;
    }
}

/// Builds an image whose health check prints `image`.
async fn image_with_a_check(subject: &Subject) -> String {
    let file = format!("FROM {IMAGE}\nHEALTHCHECK --interval=1h CMD echo image; [ -e /ok ]\n");
    let from = BuildSpec {
        files: [("Dockerfile".to_owned(), file.into_bytes())].into(),
        ..BuildSpec::default()
    };
    let built = super::engine(subject).0.images().build(&from, |_| ()).await;
    built.unwrap_or_else(|error| panic!("{}", chain(&error))).name
}

#[tokio::test]
async fn unhealthy_one_is_made_anew() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let mut events = manager.subscribe();
        let environment = active(
            &manager,
            EnvironmentSpec {
                main: Main::Command(Command::shell("trap 'exit 0' TERM; while :; do sleep 0.1; done")),
                health: Some(HealthSpec {
                    start_period: None,
                    ..health(Some("[ ! -e /broken ]"))
                }),
                restart: Some(RestartSpec {
                    on_exit: RestartOnExit::Never,
                    on_unhealthy: true,
                    recovery: Recovery::Recreate,
                    ..RestartSpec::default()
                }),
                ..spec()
            },
        )
        .await;
        until(&environment, Health::Healthy).await;
        sh(&environment, "touch /broken").await;
        while events.next().await.unwrap().unwrap().kind != EventKind::Restarted {}
        let error = environment.run(Command::shell(":")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Restarted, "{}", chain(&error));
        assert_eq!(sh(&environment, "[ -e /broken ] || echo anew").await, "anew");
        until(&environment, Health::Healthy).await;
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn image_without_a_check_has_none() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        for lifetime in [Lifetime::Owner, Lifetime::Kept] {
            let without = EnvironmentSpec {
                lifetime,
                health: Some(health(None)),
                ..spec()
            };
            let error = create(&manager, without).await.unwrap_err();
            assert!(chain(&error).contains("no health check"), "{}", chain(&error));
        }
        subject.until_nothing_is_left(&prefix).await;
    }
}
