//! Created containers, and specifications that are rejected.

use engine_api::archive;
use engine_api::containers::InspectContainer;
use engine_api::images::{ImportImage, RemoveImage};
use isolation::engines::docker::{DockerEngine, PullPolicy, labels};
use isolation::{
    Availability, Command, Engine, EnvironmentSpec, ErrorKind, EventKind, Feature, ResourceLimits,
};

use super::{active, create, engine, manager, manager_of, sh, spec};
use crate::support::{Subject, engines, one_line};

#[tokio::test]
async fn probe_names_the_daemon_and_its_features() {
    for subject in engines() {
        let (engine, _) = engine(&subject);
        let probe = engine.probe().await;
        let Availability::Available { detail } = probe.availability else {
            panic!("{} is not available", subject.name);
        };
        let address = subject.docker.address();
        assert!(detail.contains("API 1.") && detail.contains(&address), "{detail}");
        assert!(probe.capabilities.has(Feature::Images), "{}", subject.name);
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unavailable() {
    let engine = DockerEngine::new(engine_api::Docker::unix("/no/such/socket"));
    assert!(!engine.probe().await.availability.is_available());
    let docker = "docker".parse().unwrap();
    let error = manager_of(engine).create(&docker, spec()).await.unwrap_err();
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
        let (manager, prefix) = manager(&subject);
        let spec = EnvironmentSpec {
            name: Some("web".into()),
            owner: Some("me".into()),
            ..spec()
        };
        let environment = active(&manager, spec).await;
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
        let status = sh(&environment, "cat /proc/self/status; cat /proc/1/status").await;
        let values = |key: &str| -> Vec<String> {
            let lines = status.lines().filter_map(|line| line.strip_prefix(key));
            lines.map(|value| value.trim().to_owned()).collect()
        };
        // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, and SETFCAP at bit 31.
        // On Docker every process may listen on low ports, on Podman only with NET_BIND_SERVICE.
        let expected = match subject.name.starts_with("podman") {
            true => "00000000800004fb",
            false => "00000000800000fb",
        };
        assert_eq!(values("CapBnd:"), [expected; 2], "{}", subject.name);
        assert_eq!(values("NoNewPrivs:"), ["1"; 2], "{}", subject.name);
        assert_eq!(values("Seccomp:"), ["2"; 2], "{}", subject.name);
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn limits_hold() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let limits = ResourceLimits {
            memory: Some(64 << 20),
            cpus: Some(0.5),
            pids: Some(50),
            ..Default::default()
        };
        let environment = active(&manager, EnvironmentSpec { limits, ..spec() }).await;
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
        let (never, prefix) = engine(&subject);
        let named = |image: &str| EnvironmentSpec {
            image: Some(image.to_owned()),
            ..spec()
        };
        let manager = manager_of(never.with_pull(PullPolicy::Never));
        let error = create(&manager, named("no-such-image:1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", subject.name);
        assert!(error.to_string().contains("pull no-such-image:1"), "{error}");

        let (missing, _) = engine(&subject);
        let manager = manager_of(missing);
        let mut events = manager.subscribe();
        // Nothing listens there, so the connection fails at once.
        let image = "127.0.0.1:9/no-such-image:1";
        let error = create(&manager, named(image)).await.unwrap_err();
        assert_eq!(error.operation(), Some("pull the image"), "{}", one_line(&error));
        let pull = loop {
            let event = events.next().await.unwrap().unwrap();
            if let EventKind::Pull(progress) = event.kind {
                break (event.subject.name().to_owned(), progress.done);
            }
        };
        assert_eq!(pull, (image.to_owned(), false));
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn image_without_a_shell_is_reported() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
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
        let error = create(&manager, bare).await.unwrap_err();
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
