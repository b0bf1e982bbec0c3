//! Containers of environments that somebody else has renamed.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{CreateContainer, InspectContainer};
use engine_api::images::CommitImage;
use fake_engine::FakeEngine;
use isolation::engines::docker::labels;
use isolation::{
    Command, CopySource, EngineChoice, Environment, EnvironmentSpec, ErrorKind, LogOptions, LogOrigin, Main,
    Manager, NetworkSpec, ResourceLimits, Result, Signal, Status, WaitFor,
};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, settle, spec};

fn service() -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell("echo started; sleep 1000")),
        network: NetworkSpec {
            ports: vec![80.into()],
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

/// A fake engine, and an environment on it whose container has the name `elsewhere`.
async fn renamed(spec: EnvironmentSpec, is_started: bool) -> (FakeEngine, Manager, Environment, String) {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let selection = manager.select(&EngineChoice::Auto, &spec).await.unwrap();
    let environment = manager.create_unstarted(&selection, spec).await.unwrap();
    if is_started {
        environment.start().await.unwrap();
    }
    let details = environment.inspect().await.unwrap().details;
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    containers
        .rename(&details["container"], "elsewhere")
        .await
        .unwrap();
    (fake, manager, environment, details["container_id"].clone())
}

const CALLS: [&str; 19] = [
    "start",
    "start attached",
    "run",
    "run by an exec",
    "copy in",
    "copy in a directory",
    "copy out",
    "file kind",
    "pause",
    "metrics",
    "processes",
    "log",
    "endpoints",
    "networks",
    "update",
    "rename",
    "wait for a file",
    "stop",
    "kill",
];

async fn call(environment: &Environment, name: &str) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    match name {
        "start" => environment.start().await,
        "start attached" => environment.start_attached().await.map(drop),
        "run" => environment.run(Command::new(["true"])).await.map(drop),
        "run by an exec" => {
            let command = Command {
                user: Some("0".to_owned()),
                ..Command::new(["true"])
            };
            environment.run(command).await.map(drop)
        }
        "copy in" => {
            let source = CopySource::Bytes {
                content: "text".into(),
                mode: 0o644,
            };
            environment.copy_in(source, "/file").await
        }
        "copy in a directory" => {
            let source = CopySource::Path(directory.path().to_owned());
            environment.copy_in(source, "/directory").await
        }
        "copy out" => environment.copy_out("/root", directory.path().join("root")).await,
        "file kind" => {
            let found = environment.file_kind("/etc").await?;
            assert!(found.is_some());
            Ok(())
        }
        "pause" => environment.pause().await,
        "metrics" => environment.metrics().await.map(drop),
        "processes" => environment.processes().await.map(drop),
        "log" => {
            let options = LogOptions {
                origin: Some(LogOrigin::Main),
                ..LogOptions::default()
            };
            environment.logs(options).await.map(drop)
        }
        "endpoints" => environment.endpoint(80).await.map(drop),
        "networks" => environment.networks().await.map(drop),
        "update" => {
            let limits = ResourceLimits {
                pids: Some(99),
                ..ResourceLimits::default()
            };
            environment.update(&limits).await
        }
        "rename" => environment.rename("new").await,
        "wait for a file" => {
            let condition = WaitFor::File("/etc".to_owned());
            environment.wait_until(&condition, Duration::from_secs(9)).await
        }
        "stop" => environment.stop(Duration::ZERO).await,
        _ => environment.kill(Signal::Kill).await,
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_finds_a_renamed_container() {
    for name in CALLS {
        let (fake, _manager, environment, id) = renamed(service(), !name.starts_with("start")).await;
        fake.reset();
        let called = call(&environment, name).await;
        called.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        // It was looked for once, after the reply that there is no such container.
        let by_id = format!("/containers/{id}/json");
        let looks = fake.requests();
        let looks = looks.iter().filter(|request| request.ends_with(&by_id)).count();
        assert_eq!(looks, 1, "{name}: {:#?}", fake.requests());
        drop(environment);
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_file_is_no_renamed_container() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    assert_eq!(environment.file_kind("/no/such").await.unwrap(), None);
    let docker = Docker::with_connector(fake.clone());
    let name = environment.inspect().await.unwrap().details["container"].clone();
    tests::scenarios::remove(&docker, &name).await.unwrap();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
}

#[tokio::test(start_paused = true)]
async fn renamed_container_is_listed_and_opened() {
    let (fake, manager, environment, _) = renamed(spec(), true).await;
    let other = on(&fake);
    for manager in [&manager, &other] {
        let listing = manager.list().await.unwrap();
        let found = listing
            .environments
            .iter()
            .find(|one| one.id == *environment.id());
        let found = found.unwrap();
        assert_eq!(
            (found.status, found.name.as_str()),
            (Some(Status::Running), environment.name())
        );
    }
    let opened = other.open(environment.id().as_str()).await.unwrap();
    let output = opened.run(Command::shell("echo here")).await.unwrap();
    assert_eq!(output.stdout_text(), "here\n");
    opened.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// Images that are made from ours have its labels and variables.
#[tokio::test(start_paused = true)]
async fn container_of_an_image_of_ours_is_a_stranger() {
    let (fake, _manager, environment, id) = renamed(spec(), true).await;
    let docker = Docker::with_connector(fake.clone());
    let commit = CommitImage {
        repo: "made".to_owned(),
        tag: "latest".to_owned(),
        ..CommitImage::default()
    };
    docker.images().commit(&id, commit).await.unwrap();
    environment.destroy().await.unwrap();
    let of_image = CreateContainer {
        name: Some("of-image".into()),
        image: "made:latest".into(),
        ..CreateContainer::default()
    };
    docker.containers().create(of_image).await.unwrap();
    let found = docker
        .containers()
        .inspect("of-image", InspectContainer::default())
        .await;
    let config = found.unwrap().config;
    assert_eq!(config.labels[labels::ENVIRONMENT], environment.id().as_str());
    let mark = format!("ISOLATION_ENVIRONMENT={}", environment.id());
    assert!(config.env.contains(&mark), "{:?}", config.env);
    let manager = on(&fake);
    assert_eq!(manager.registry().list().await.0.len(), 0);
    let error = manager.open(environment.id().as_str()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    assert_eq!(fake.resources().len(), 1, "{:?}", fake.resources());
}
