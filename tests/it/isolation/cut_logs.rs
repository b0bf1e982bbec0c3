//! Logs whose connection is cut, or of a daemon of another machine.

use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::{Connecting, Connector};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, Lifetime, LogEntry, LogOptions, LogOrigin, LogStream,
    Main, Manager, Registry,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, settle, spec};

/// The fake engine at another address.
#[derive(Debug)]
struct At(FakeEngine, &'static str);

impl Connector for At {
    fn connect(&self) -> Connecting<'_> {
        self.0.connect()
    }

    fn address(&self) -> String {
        self.1.to_owned()
    }
}

fn manager(docker: Docker) -> Manager {
    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker)).unwrap();
    Manager::new(registry)
}

async fn service(manager: &Manager, script: &str) -> Environment {
    let service = EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        // Its main process does not end with a connection.
        lifetime: Lifetime::Kept,
        ..spec()
    };
    create(manager, service).await.unwrap()
}

async fn log(environment: &Environment, follow: bool) -> LogStream {
    let options = LogOptions {
        origin: Some(LogOrigin::Main),
        follow,
        ..LogOptions::default()
    };
    environment.logs(options).await.unwrap()
}

async fn line(log: &mut LogStream) -> String {
    match log.next().await.unwrap() {
        Some(LogEntry::Line(line)) => line.text_lossy().into_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn followed_log_ends_with_the_error_of_the_daemon() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = service(&manager, "echo one; sleep 1000").await;
    let mut followed = log(&environment, true).await;
    assert_eq!(line(&mut followed).await, "one");
    fake.fail_next("GET", "/logs", Fault::internal_error("cannot read the file"));
    fake.disconnect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    fake.reconnect();
    let error = followed.next().await.unwrap_err();
    assert!(
        chain(&error).contains("cannot read the file"),
        "{}",
        chain(&error)
    );
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// The rest is read once more, for daemons that end a followed log too early.
#[tokio::test(start_paused = true)]
async fn rest_of_a_log_may_be_gone() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = service(&manager, "echo one; sleep 5").await;
    let mut followed = log(&environment, true).await;
    let (status, message) = (404, "No such container".to_owned());
    fake.fail_next("GET", "/logs", Fault::Error { status, message });
    assert_eq!(line(&mut followed).await, "one");
    assert_eq!(followed.next().await.unwrap(), None);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn cut_log_that_is_not_followed_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let line_of = "x".repeat(1000);
    fake.on_command("print", move |process| {
        let line = line_of.clone();
        async move {
            for _ in 0..5000 {
                process.write_stdout(&line).await;
            }
            tokio::time::sleep(Duration::from_secs(1000)).await;
            0
        }
    });
    let manager = on(&fake);
    let environment = service(&manager, "print").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut read = log(&environment, false).await;
    assert_eq!(line(&mut read).await.len(), 1000);
    fake.disconnect();
    let mut lines = 1;
    let error = loop {
        match read.next().await {
            Ok(next) => assert!(next.is_some() && lines < 5000, "the whole log was read"),
            Err(error) => break error,
        }
        lines += 1;
    };
    assert_eq!(error.kind(), ErrorKind::Engine, "{}", chain(&error));
    fake.reconnect();
    environment.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn log_of_another_machine_is_followed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let far = At(fake.clone(), "tcp://docker.test:2375");
    let manager = manager(Docker::with_connector(far));
    let environment = service(&manager, "echo one; sleep 5; echo two").await;
    let mut followed = log(&environment, true).await;
    assert_eq!(line(&mut followed).await, "one");
    assert_eq!(line(&mut followed).await, "two");
    assert_eq!(followed.next().await.unwrap(), None);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
