//! Containers of the fake engine: stop, wait, ports, health and memory.

use std::time::Duration;

use engine_api::containers::{
    CreateContainer, HealthStatus, HostConfig, InspectContainer, PortBinding, RunState, StartContainer,
    StopContainer, WaitCondition,
};
use engine_api::exec::CreateExec;
use engine_api::system::ListenEvents;
use engine_api::{Docker, ErrorKind, Result};
use fake_engine::FakeEngine;
use tests::scenarios::{UNTIL_TOLD, remove, shell, started};
use tokio::time::Instant;

/// A fake engine with one image, and a client of it.
pub(super) fn engine() -> (FakeEngine, Docker) {
    let fake = FakeEngine::new().with_image("busybox:latest");
    let docker = Docker::with_connector(fake.clone());
    (fake, docker)
}

/// The status and the exit code of a container.
pub(super) async fn status(docker: &Docker, name: &str) -> Result<(RunState, i64)> {
    let container = docker
        .containers()
        .inspect(name, InspectContainer::default())
        .await?;
    Ok((container.state.status, container.state.exit_code))
}

#[tokio::test(start_paused = true)]
async fn stop_kills_after_ten_seconds() {
    let (_, docker) = engine();
    for (command, seconds, code) in [("sleep 1000", 10, 137), (UNTIL_TOLD, 0, 0)] {
        let id = started(&docker, shell("stop", command)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        docker
            .containers()
            .stop(&id, StopContainer::default())
            .await
            .unwrap();
        assert_eq!(begun.elapsed().as_secs(), seconds, "{command}");
        assert_eq!(
            status(&docker, &id).await.unwrap(),
            (RunState::Exited, code),
            "{command}"
        );
        remove(&docker, &id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn wait_returns_at_the_next_exit_or_removal() {
    let (_, docker) = engine();
    let id = docker
        .containers()
        .create(shell("wait", "sleep 5; exit 4"))
        .await
        .unwrap()
        .id;
    let waits = [WaitCondition::NextExit, WaitCondition::Removed].map(|condition| {
        let (docker, id) = (docker.clone(), id.clone());
        tokio::spawn(async move { docker.containers().wait(&id, condition).await })
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    docker
        .containers()
        .start(&id, StartContainer::default())
        .await
        .unwrap();
    let [exit, removal] = waits;
    assert_eq!(exit.await.unwrap().unwrap().status_code, 4);
    assert!(!removal.is_finished());
    remove(&docker, &id).await.unwrap();
    assert_eq!(removal.await.unwrap().unwrap().status_code, 4);
}

fn published(name: &str, port: u16) -> CreateContainer {
    let binding = PortBinding {
        host_ip: "127.0.0.1".into(),
        host_port: port.to_string(),
    };
    CreateContainer {
        host_config: HostConfig {
            port_bindings: [(80.into(), vec![binding])].into(),
            ..HostConfig::default()
        },
        ..shell(name, UNTIL_TOLD)
    }
}

#[tokio::test(start_paused = true)]
async fn host_port_is_bound_once() {
    let (fake, docker) = engine();
    let first = started(&docker, published("first", 8080)).await.unwrap();
    let second = docker
        .containers()
        .create(published("second", 8080))
        .await
        .unwrap()
        .id;
    let error = docker
        .containers()
        .start(&second, StartContainer::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(500));
    let message = error.message().unwrap();
    assert!(
        message.ends_with("Bind for 127.0.0.1:8080 failed: port is already allocated"),
        "{message}"
    );
    assert_eq!(status(&docker, &second).await.unwrap(), (RunState::Created, 128));
    docker
        .containers()
        .stop(&first, StopContainer::default())
        .await
        .unwrap();
    assert!(
        fake.snapshot().ports.is_empty(),
        "a stopped container has no port"
    );
    docker
        .containers()
        .start(&second, StartContainer::default())
        .await
        .unwrap();
    assert_eq!(fake.snapshot().ports, [8080].into());

    fake.occupy_port(9090);
    let third = docker
        .containers()
        .create(published("third", 9090))
        .await
        .unwrap()
        .id;
    assert!(
        docker
            .containers()
            .start(&third, StartContainer::default())
            .await
            .is_err()
    );
    let fourth = started(&docker, published("fourth", 0)).await.unwrap();
    let container = docker
        .containers()
        .inspect(&fourth, InspectContainer::default())
        .await
        .unwrap();
    let bindings = container.network_settings.ports["80/tcp"].clone();
    assert_eq!(bindings.len(), 1, "chosen by the engine: {bindings:?}");
}

#[tokio::test(start_paused = true)]
async fn find_by_name_needs_the_whole_name() {
    let (_, docker) = engine();
    let containers = docker.containers();
    for name in ["web-1", "a.web.1", "web.1.b"] {
        let container = CreateContainer {
            name: Some(name.into()),
            ..shell("", "true")
        };
        containers.create(container).await.unwrap();
    }
    assert_eq!(containers.find_by_name("web.1").await.unwrap(), None);
    for name in ["web-1", "/web-1"] {
        let found = containers.find_by_name(name).await.unwrap().unwrap();
        assert_eq!(found.plain_name(), "web-1");
    }
    let wrong = containers.find_by_name("^web").await.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.operation()),
        (ErrorKind::InvalidInput, Some("ContainerList"))
    );
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_check_and_emits_events() {
    let (fake, docker) = engine();
    let mut container = shell("health", UNTIL_TOLD);
    container.healthcheck = Some(engine_api::containers::HealthConfig {
        test: ["CMD-SHELL", "cat /sick && exit 1 || exit 0"].into(),
        interval: 60_000_000_000,
        retries: 2,
        ..Default::default()
    });
    let health = async || {
        let container = docker
            .containers()
            .inspect("ptest_health", InspectContainer::default())
            .await;
        container.unwrap().state.health.unwrap().status
    };
    let mut options = ListenEvents::default();
    options.filters.event = ["health_status"].into();
    let mut events = docker.system().events(options).await.unwrap();
    let id = started(&docker, container).await.unwrap();
    assert_eq!(health().await, HealthStatus::Starting);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Healthy);
    let exec = CreateExec {
        cmd: ["touch", "/sick"].into(),
        ..Default::default()
    };
    docker.execs().run(&id, exec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Healthy, "once is not enough");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Unhealthy);
    assert!(fake.set_health("ptest_health", true) && !fake.set_health("missing", true));
    for expected in ["healthy", "unhealthy", "healthy"] {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.action, format!("health_status: {expected}"));
    }
    remove(&docker, &id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn out_of_memory_ends_and_marks_the_container() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("hungry", UNTIL_TOLD)).await.unwrap();
    assert!(fake.run_out_of_memory("ptest_hungry"));
    let container = docker
        .containers()
        .inspect(&id, InspectContainer::default())
        .await
        .unwrap();
    assert!(container.state.oom_killed);
    assert_eq!(
        (container.state.status, container.state.exit_code),
        (RunState::Exited, 137)
    );
    assert!(!fake.run_out_of_memory("ptest_hungry"), "the container has ended");
}

/// The status and the message of the reply to a request.
async fn answer(docker: &Docker, method: &str, target: &str) -> (u16, String) {
    let mut reply = docker.raw(method, target).send().await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = reply.body.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    (
        reply.status,
        value["message"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn parameter_that_is_invalid_is_an_error_as_on_docker() {
    let (_, docker) = engine();
    let id = started(&docker, shell("invalid", "sleep 1000")).await.unwrap();
    let number = |function: &str, text: &str| format!("strconv.{function}: parsing {text:?}: invalid syntax");
    for (method, target, status, message) in [
        ("POST", "/containers/web/stop?t=abc", 500, number("Atoi", "abc")),
        (
            "POST",
            "/containers/web/restart?t=1.5",
            500,
            number("Atoi", "1.5"),
        ),
        ("GET", "/containers/json?limit=abc", 500, number("Atoi", "abc")),
        (
            "GET",
            "/containers/web/logs?stdout=1&since=abc",
            500,
            number("ParseInt", "abc"),
        ),
        (
            "GET",
            "/containers/web/logs?stdout=1&until=10m",
            500,
            number("ParseInt", "10m"),
        ),
        ("GET", "/events?since=10m", 500, number("ParseInt", "10m")),
        (
            "POST",
            "/containers/web/resize?h=a&w=1",
            400,
            r#"invalid resize height "a": invalid syntax"#.into(),
        ),
        (
            "POST",
            "/containers/web/resize?h=1",
            400,
            r#"invalid resize width "": invalid syntax"#.into(),
        ),
        (
            "POST",
            "/containers/web/stop?signal=FOO",
            500,
            "cannot stop container: web: invalid signal: FOO".into(),
        ),
        (
            "POST",
            "/containers/web/kill?signal=FOO",
            400,
            "cannot kill container: web: invalid signal: FOO".into(),
        ),
        (
            "POST",
            "/containers/web/kill?signal=99",
            400,
            "cannot kill container: web: the linux daemon does not support signal 99".into(),
        ),
        (
            "GET",
            "/volumes?filters=%7B%22dangling%22%3A%5B%22t%22%5D%7D",
            400,
            "invalid filter 'dangling=[t]'".into(),
        ),
        (
            "GET",
            "/volumes?filters=%7B%22label%21%22%3A%5B%22a%22%5D%7D",
            400,
            "invalid filter 'label!'".into(),
        ),
        (
            "GET",
            "/containers/web/logs?stdout=1&tail=abc",
            200,
            String::new(),
        ),
        ("GET", "/containers/json?limit=-1", 200, String::new()),
    ] {
        let (target, message) = (target.replace("web", &id), message.replace("web", &id));
        assert_eq!(
            answer(&docker, method, &target).await,
            (status, message),
            "{target}"
        );
    }
}
