//! Created containers, and specifications that are rejected.

use std::sync::{Arc, Mutex};

use engine_api::archive;
use engine_api::containers::InspectContainer;
use engine_api::images::{ImportImage, RemoveImage};
use isolation::engines::docker::{DockerEngine, PullPolicy, labels};
use isolation::{Availability, Command, Engine, EnvironmentSpec, ErrorKind, Feature, ResourceLimits};

use super::{active, engine, sh, spec};
use crate::support::{Subject, engines, one_line};

#[tokio::test]
async fn availability_names_the_daemon_and_its_features() {
    for subject in engines() {
        let (engine, _) = engine(&subject);
        let Availability::Available { detail } = engine.availability().await else {
            panic!("{} is not available", subject.name);
        };
        let address = subject.docker.address();
        assert!(detail.contains("API 1.") && detail.contains(&address), "{detail}");
        assert!(engine.capabilities().has(Feature::Images), "{}", subject.name);
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unavailable() {
    let engine = DockerEngine::new(engine_api::Docker::unix("/no/such/socket"));
    assert!(!engine.availability().await.is_available());
    let error = engine.create(spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("/no/such/socket"), "{error}");
}

async fn only_container(subject: &Subject, prefix: &str) -> engine_api::containers::Container {
    let names = subject.containers(prefix).await;
    assert_eq!(names.len(), 1, "{names:?}");
    let containers = subject.docker.containers();
    let container = containers.inspect(&names[0], InspectContainer::default()).await;
    container.unwrap()
}

#[tokio::test]
async fn a_container_is_named_labelled_and_hardened() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let spec = EnvironmentSpec {
            name: Some("web".into()),
            owner: Some("me".into()),
            ..spec()
        };
        let environment = active(&engine, spec).await;
        let container = only_container(&subject, &prefix).await;
        assert_eq!(
            container.plain_name(),
            format!("{prefix}web_{}", environment.id())
        );
        assert_eq!(
            container.config.labels[labels::ENVIRONMENT],
            environment.id().as_str()
        );
        assert_eq!(container.config.labels[labels::OWNER], "me");
        assert!(!container.host_config.privileged);
        // This holds for the first process and for commands.
        let status = sh(environment.as_ref(), "cat /proc/self/status; cat /proc/1/status").await;
        let values = |key: &str| -> Vec<String> {
            let lines = status.lines().filter_map(|line| line.strip_prefix(key));
            lines.map(|value| value.trim().to_owned()).collect()
        };
        // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, and SETFCAP at bit 31.
        assert_eq!(values("CapBnd:"), ["00000000800000fb"; 2], "{}", subject.name);
        assert_eq!(values("NoNewPrivs:"), ["1"; 2], "{}", subject.name);
        assert_eq!(values("Seccomp:"), ["2"; 2], "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn limits_hold() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let limits = ResourceLimits {
            memory: Some(64 << 20),
            cpus: Some(0.5),
            pids: Some(50),
        };
        let environment = active(&engine, EnvironmentSpec { limits, ..spec() }).await;
        let host = only_container(&subject, &prefix).await.host_config;
        assert_eq!(
            (host.memory, host.memory_swap),
            (64 << 20, 64 << 20),
            "{}",
            subject.name
        );
        // More processes than the limit allows: the shell reports that it cannot fork.
        let bomb = "n=0; while [ $n -lt 80 ]; do sleep 3 & n=$((n+1)); done";
        let output = environment.run(Command::shell(bomb)).await.unwrap();
        let complaint = output.stderr_text();
        assert!(complaint.contains("fork"), "{}: {output:?}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn missing_image_error_shows_how_to_get_it() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let engine = engine.with_pull(PullPolicy::Never);
        let named = |image: &str| EnvironmentSpec {
            image: Some(image.to_owned()),
            ..spec()
        };
        let error = engine.create(named("no-such-image:1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", subject.name);
        assert!(
            error.to_string().contains("docker pull no-such-image:1"),
            "{error}"
        );

        let received = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&received);
        let engine = engine
            .with_pull(PullPolicy::IfMissing)
            .with_progress(move |progress| sink.lock().unwrap().push(progress.clone()));
        // Nothing listens there, so the connection fails at once.
        let image = "127.0.0.1:9/no-such-image:1";
        let error = engine.create(named(image)).await.unwrap_err();
        assert_eq!(error.operation(), Some("pull the image"), "{}", one_line(&error));
        let first = received.lock().unwrap()[0].clone();
        assert_eq!((first.image.as_str(), first.done), (image, false));
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn image_without_a_shell_is_reported() {
    for subject in engines() {
        let (engine, prefix) = engine(&subject);
        let image = format!("{prefix}bare:latest");
        let import = ImportImage {
            repo: image.clone(),
            ..ImportImage::default()
        };
        let file = archive::file("readme", 0o644, "no shell here").unwrap();
        let imported = subject.docker.images().import(file, import).await.unwrap();
        imported.last().await.unwrap();
        let bare = EnvironmentSpec {
            image: Some(image.clone()),
            ..spec()
        };
        let environment = engine.create(bare).await.unwrap();
        let error = environment.start().await.unwrap_err();
        environment.destroy().await.unwrap();
        let images = subject.docker.images();
        images.remove(&image, RemoveImage::default()).await.unwrap();
        assert_eq!(
            error.kind(),
            ErrorKind::InvalidInput,
            "{}: {}",
            subject.name,
            one_line(&error)
        );
        assert!(error.to_string().contains("`sh`"), "{error}");
    }
}
