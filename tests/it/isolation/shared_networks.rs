//! Environments that have the network of another one.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{InspectContainer, RestartContainer};
use fake_engine::{FakeEngine, Fault};
use isolation::{
    Command, ComposeFile, ComposeOptions, EngineChoice, Environment, EnvironmentSpec, ErrorKind, EventKind,
    GroupSpec, Main, Manager, NetworkMode, NetworkSpec, Status, Subscription,
};
use tests::chain;
use tokio::time::timeout;

use super::docker_engine::{IMAGE, create, on, settle, spec};

/// An idle environment with the network of this one.
fn sharing(other: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        network: NetworkSpec {
            mode: NetworkMode::Environment(other.to_owned()),
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

async fn detail(environment: &Environment, name: &str) -> String {
    environment.inspect().await.unwrap().details[name].clone()
}

/// The network mode of its container, and the ID of that container.
async fn mode(fake: &FakeEngine, environment: &Environment) -> (String, String) {
    let name = detail(environment, "container").await;
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let found = containers.inspect(&name, InspectContainer::default()).await;
    let found = found.unwrap();
    (found.host_config.network_mode, found.id)
}

/// How often the environment has started so far.
async fn starts(events: &mut Subscription, environment: &Environment) -> usize {
    let mut starts = 0;
    while let Ok(Some(event)) = timeout(Duration::from_millis(1), events.next()).await {
        let event = event.unwrap();
        let own = event.subject.environment_id() == Some(environment.id());
        starts += usize::from(own && event.kind == EventKind::Started);
    }
    starts
}

#[tokio::test(start_paused = true)]
async fn container_has_the_network_of_another() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    let id = detail(&vpn, "container_id").await;
    assert_eq!(mode(&fake, &app).await.0, format!("container:{id}"));
    let output = app.run(Command::shell("echo here")).await.unwrap();
    assert_eq!(output.stdout_text(), "here\n");
    // Another process sees where its network comes from.
    let opened = on(&fake).open(app.id().as_str()).await.unwrap();
    assert_eq!(
        opened.spec().network.mode,
        NetworkMode::Environment(vpn.id().to_string())
    );
    drop(opened);
    app.destroy().await.unwrap();
    vpn.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn environment_without_a_network_to_share_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let error = create(&manager, sharing("0123456789abcdef")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    assert!(chain(&error).contains("0123456789abcdef"), "{}", chain(&error));
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    app.stop(Duration::ZERO).await.unwrap();
    vpn.stop(Duration::ZERO).await.unwrap();
    let error = app.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    let hint = format!("start that one first: `isolate start {}`", vpn.id());
    assert!(chain(&error).contains(&hint), "{}", chain(&error));
    vpn.start().await.unwrap();
    app.start().await.unwrap();
    for options in [
        serde_json::json!({"hostname": "h"}),
        serde_json::json!({"extra_hosts": ["a:10.0.0.1"]}),
    ] {
        let refused = EnvironmentSpec {
            engine_options: [("docker".to_owned(), options.clone())].into(),
            ..sharing(vpn.id().as_str())
        };
        let error = create(&manager, refused).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::InvalidInput,
            "{options}: {}",
            chain(&error)
        );
    }
    drop((app, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn new_start_of_one_starts_the_others_again() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    let next = made(&manager, sharing(app.id().as_str())).await;
    let stopped = made(&manager, sharing(vpn.id().as_str())).await;
    stopped.stop(Duration::ZERO).await.unwrap();
    let mut events = manager.subscribe();
    vpn.restart(Duration::ZERO).await.unwrap();
    assert_eq!((app.status(), next.status()), (Status::Running, Status::Running));
    assert_eq!(stopped.status(), Status::Stopped);
    let mut others = manager.subscribe();
    assert_eq!(starts(&mut events, &app).await, 1);
    vpn.restart(Duration::ZERO).await.unwrap();
    assert_eq!(
        starts(&mut others, &next).await,
        1,
        "it has the network of a sharing one"
    );
    let output = app.run(Command::shell("echo again")).await.unwrap();
    assert_eq!(output.stdout_text(), "again\n");
    drop((stopped, next, app, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// Waits until the environment has started again.
async fn starts_again(events: &mut Subscription, environment: &Environment) {
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        if event.subject.environment_id() == Some(environment.id()) && event.kind == EventKind::Started {
            return;
        }
    }
    panic!("the events have ended");
}

#[tokio::test(start_paused = true)]
async fn new_start_by_another_process_is_followed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, elsewhere) = (on(&fake), on(&fake));
    let _watching = manager.watch("docker").await.unwrap();
    let vpn = made(&manager, spec()).await;
    let other_vpn = made(&elsewhere, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    let next = made(&manager, sharing(other_vpn.id().as_str())).await;
    let stopped = made(&manager, sharing(other_vpn.id().as_str())).await;
    stopped.stop(Duration::ZERO).await.unwrap();
    let mut events = manager.subscribe();
    let opened = elsewhere.open(vpn.id().as_str()).await.unwrap();
    opened.restart(Duration::ZERO).await.unwrap();
    starts_again(&mut events, &app).await;
    assert_eq!(app.status(), Status::Running);
    // This process has no handle of that one.
    other_vpn.restart(Duration::ZERO).await.unwrap();
    starts_again(&mut events, &next).await;
    assert_eq!(stopped.status(), Status::Stopped);
    let mut events = manager.subscribe();
    vpn.restart(Duration::ZERO).await.unwrap();
    settle().await;
    assert_eq!(starts(&mut events, &app).await, 1, "its own start is no news");
    drop((next, stopped, app, opened, other_vpn, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// The report alone shows the start.
#[tokio::test(start_paused = true)]
async fn start_is_followed_without_an_inspection() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, elsewhere) = (on(&fake), on(&fake));
    let _watching = manager.watch("docker").await.unwrap();
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    let opened = elsewhere.open(vpn.id().as_str()).await.unwrap();
    opened.stop(Duration::ZERO).await.unwrap();
    settle().await;
    let name = detail(&vpn, "container").await;
    let mut events = manager.subscribe();
    opened.start().await.unwrap();
    for _ in 0..3 {
        let broken = Fault::internal_error("cannot inspect");
        fake.fail_next("GET", &format!("/containers/{name}/json"), broken);
    }
    starts_again(&mut events, &app).await;
    fake.reset();
    drop((app, opened, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// The environment runs again before its end is handled.
#[tokio::test(start_paused = true)]
async fn restart_that_no_inspection_sees_is_followed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let _watching = manager.watch("docker").await.unwrap();
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    settle().await;
    let mut events = manager.subscribe();
    let name = detail(&vpn, "container").await;
    let later = Fault::Delay(Duration::from_secs(1));
    fake.fail_next("GET", &format!("/containers/{name}/json"), later);
    let docker = Docker::with_connector(fake.clone());
    let now = RestartContainer {
        timeout: Some(0),
        ..RestartContainer::default()
    };
    docker.containers().restart(&name, now).await.unwrap();
    starts_again(&mut events, &app).await;
    assert_eq!((vpn.status(), app.status()), (Status::Running, Status::Running));
    drop((app, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn inspection_notices_a_start_by_another_process() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, sharing(vpn.id().as_str())).await;
    vpn.stop(Duration::ZERO).await.unwrap();
    let elsewhere = on(&fake);
    let opened = elsewhere.open(vpn.id().as_str()).await.unwrap();
    opened.start().await.unwrap();
    let mut events = manager.subscribe();
    vpn.inspect().await.unwrap();
    starts_again(&mut events, &app).await;
    drop((app, opened, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// The first start of the other one fails, so that its container is made anew.
#[tokio::test(start_paused = true)]
async fn network_of_a_container_made_anew_is_followed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let selection = manager.select(&EngineChoice::Auto, &spec()).await.unwrap();
    let vpn = manager.create_unstarted(&selection, spec()).await.unwrap();
    let wanted = sharing(vpn.id().as_str());
    let app = manager.create_unstarted(&selection, wanted).await.unwrap();
    let first = mode(&fake, &app).await;
    let (status, message) = (500, "failed to initialize logging driver".to_owned());
    fake.fail_next("POST", "/start", Fault::Error { status, message });
    vpn.start().await.unwrap();
    app.start().await.unwrap();
    let (mode, own) = mode(&fake, &app).await;
    let id = detail(&vpn, "container_id").await;
    assert_eq!(mode, format!("container:{id}"));
    assert_ne!((&mode, &own), (&first.0, &first.1));
    drop((app, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

fn group(json: &str) -> GroupSpec {
    GroupSpec::from_json(json).unwrap()
}

#[tokio::test(start_paused = true)]
async fn service_has_the_network_of_another_service() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    // The names are in the other order than the starts.
    let spec = group(
        r#"{"name": "shop", "services": {
            "app": {"image": "busybox:latest", "main": {"command": {"argv": ["sh", "-c", "sleep 1000"]}},
                    "network": {"mode": {"environment": "vpn"}}},
            "vpn": {"image": "busybox:latest", "main": {"command": {"argv": ["sh", "-c", "sleep 1000"]}}},
            "web": {"image": "busybox:latest", "main": {"command": {"argv": ["sh", "-c", "sleep 1000"]}}}}}"#,
    );
    let up = manager.up(&EngineChoice::Auto, spec).await;
    let up = up.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let (app, vpn) = (up.get("app").unwrap(), up.get("vpn").unwrap());
    let id = detail(vpn, "container_id").await;
    assert_eq!(mode(&fake, app).await.0, format!("container:{id}"));
    // Its name is on no network, and that of the other one is.
    let docker = Docker::with_connector(fake.clone());
    let name = detail(app, "container").await;
    let found = docker
        .containers()
        .inspect(&name, InspectContainer::default())
        .await
        .unwrap();
    assert_eq!(found.network_settings.networks.len(), 0);
    let networks = vpn.networks().await.unwrap();
    assert!(networks[0].aliases.contains(&"vpn".to_owned()), "{networks:?}");
    // Another process restarts both, and ends the group in the right order.
    let other = on(&fake);
    let opened = other.group("shop").await.unwrap();
    let mut events = other.subscribe();
    opened.get("vpn").unwrap().restart(Duration::ZERO).await.unwrap();
    assert_eq!(starts(&mut events, opened.get("app").unwrap()).await, 1);
    let order: Vec<&str> = opened.services().map(|(name, _)| name).collect();
    assert_eq!(order.last(), Some(&"app"), "{order:?}");
    opened.down(Duration::ZERO).await.unwrap();
    drop(up);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn compose_service_has_the_network_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("compose.yaml");
    let text = "services:\n  app: {image: \"busybox:latest\", command: [sleep, \"1000\"], network_mode: \"service:vpn\"}\n  \
                vpn: {image: \"busybox:latest\", command: [sleep, \"1000\"]}\n";
    std::fs::write(&file, text).unwrap();
    let read = ComposeFile::read(&file, &ComposeOptions::default()).unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let up = manager.up(&EngineChoice::Auto, read.group).await;
    let up = up.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let id = detail(up.get("vpn").unwrap(), "container_id").await;
    assert_eq!(
        mode(&fake, up.get("app").unwrap()).await.0,
        format!("container:{id}")
    );
    assert_eq!(
        up.get("app").unwrap().spec().main,
        Main::Arguments(vec!["sleep".into(), "1000".into()])
    );
    up.down(Duration::ZERO).await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
