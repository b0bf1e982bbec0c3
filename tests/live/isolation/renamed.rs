//! Containers of environments that somebody else has renamed.

use std::time::Duration;

use engine_api::containers::CreateContainer;
use engine_api::images::{CommitImage, RemoveImage};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, CopySource, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, LogOptions,
    LogOrigin, Main, Signal, Status,
};

use super::{active, manager, manager_of, sh, spec};
use crate::support::{Subject, engines, one_line};

/// Renames the container of an environment to a name that is free.
async fn rename(subject: &Subject, environment: &Environment, prefix: &str) -> String {
    let name = environment.inspect().await.unwrap().details["container"].clone();
    let new = format!("{prefix}by-somebody-{}", EnvironmentId::random().short());
    subject.docker.containers().rename(&name, &new).await.unwrap();
    new
}

#[tokio::test]
async fn calls_find_a_container_that_was_renamed() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let service = EnvironmentSpec {
            main: Main::Command(Command::shell("echo started; sleep 100000")),
            ..spec()
        };
        let selection = manager.select(&EngineChoice::Auto, &service).await.unwrap();
        let environment = manager.create_unstarted(&selection, service).await.unwrap();
        let ok = |name: &str, outcome: isolation::Result<()>| {
            outcome.unwrap_or_else(|error| panic!("{}: {name}: {}", subject.name, one_line(&error)));
        };
        rename(&subject, &environment, &prefix).await;
        ok("start", environment.start().await);
        rename(&subject, &environment, &prefix).await;
        assert_eq!(sh(&environment, "echo here").await, "here", "{}", subject.name);
        rename(&subject, &environment, &prefix).await;
        let by_exec = Command {
            user: Some("0".to_owned()),
            ..Command::new(["true"])
        };
        ok("run", environment.run(by_exec).await.map(drop));
        rename(&subject, &environment, &prefix).await;
        let source = CopySource::Bytes {
            content: "text".into(),
            mode: 0o644,
        };
        ok("copy in", environment.copy_in(source, "/file").await);
        rename(&subject, &environment, &prefix).await;
        assert!(
            environment.file_kind("/file").await.unwrap().is_some(),
            "{}",
            subject.name
        );
        rename(&subject, &environment, &prefix).await;
        ok("metrics", environment.metrics().await.map(drop));
        rename(&subject, &environment, &prefix).await;
        let main = LogOptions {
            origin: Some(LogOrigin::Main),
            ..LogOptions::default()
        };
        ok("log", environment.logs(main).await.map(drop));
        rename(&subject, &environment, &prefix).await;
        ok("processes", environment.processes().await.map(drop));
        rename(&subject, &environment, &prefix).await;
        ok("pause", environment.pause().await);
        rename(&subject, &environment, &prefix).await;
        ok("unpause", environment.unpause().await);
        rename(&subject, &environment, &prefix).await;
        ok("stop", environment.stop(Duration::ZERO).await);
        ok("start", environment.start().await);
        rename(&subject, &environment, &prefix).await;
        ok("kill", environment.kill(Signal::Kill).await);
        rename(&subject, &environment, &prefix).await;
        ok("destroy", environment.destroy().await);
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn renamed_container_is_listed_and_its_image_is_not() {
    for subject in engines() {
        let (engine, prefix) = super::engine(&subject);
        let second = DockerEngine::new(subject.docker.clone()).with_prefix(&prefix);
        let (manager, other) = (manager_of(engine), manager_of(second.unwrap()));
        let environment = active(&manager, spec()).await;
        let name = rename(&subject, &environment, &prefix).await;
        let id = environment.id().clone();
        let listing = other.list().await.unwrap();
        let found = listing.environments.iter().find(|one| one.id == id);
        assert_eq!(
            found.and_then(|one| one.status),
            Some(Status::Running),
            "{}",
            subject.name
        );
        let opened = other.open(id.as_str()).await.unwrap();
        assert_eq!(sh(&opened, "echo here").await, "here", "{}", subject.name);
        // A container of an image that was made of ours has the labels and the variables.
        let image = format!("{prefix}made").to_lowercase();
        let commit = CommitImage {
            repo: image.clone(),
            tag: "latest".to_owned(),
            ..CommitImage::default()
        };
        subject.docker.images().commit(&name, commit).await.unwrap();
        let stranger = format!("{prefix}stranger");
        let body = CreateContainer {
            name: Some(stranger.clone()),
            image: format!("{image}:latest"),
            ..CreateContainer::default()
        };
        subject.docker.containers().create(body).await.unwrap();
        opened.destroy().await.unwrap();
        let error = other.open(id.as_str()).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        assert_eq!(
            subject.containers(&prefix).await,
            std::slice::from_ref(&stranger),
            "{}",
            subject.name
        );
        tests::scenarios::remove(&subject.docker, &stranger)
            .await
            .unwrap();
        let images = subject.docker.images();
        images
            .remove(&format!("{image}:latest"), RemoveImage::default())
            .await
            .unwrap();
        drop(environment);
        subject.until_nothing_is_left(&prefix).await;
    }
}
