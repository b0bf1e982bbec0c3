//! What a migration keeps of files: owners, bits, names and pipes.

#[cfg(target_os = "linux")]
use isolation::Engine;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::SandboxEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::{
    Destination, EngineChoice, EnvironmentId, EnvironmentSpec, Manager, MigrateOptions, Registry,
};

use super::sh;
use crate::support::{IMAGE, Subject, engines, one_line};

const FILES: &str = "mkdir -p d && echo one >a && chown 5:6 a && chmod 4755 a && ln a d/b && mkfifo p && \
                     chmod 640 p && mkdir g && chown 7:8 g && chmod 2775 g && ln -s a l";
const LOOK: &str = "stat -c '%n %F %u:%g %a' a d/b p g l; stat -c %h a; cat d/b";

/// A socket, which the program of the log of the system makes.
const SOCKET: &str = "ln -sf \"$PWD/s\" /dev/log; syslogd; n=0; until [ -S s ] || [ $n = 100 ]; do \
                      sleep 0.1; n=$((n + 1)); done; test -S s";

/// A manager with containers and directories of this machine, and sandboxes if one can be started.
async fn manager(subject: &Subject, base: &std::path::Path, prefix: &str) -> (Manager, bool) {
    let mut registry = Registry::new();
    let docker = DockerEngine::new(subject.docker.clone());
    registry.register(docker.with_prefix(prefix).unwrap()).unwrap();
    registry.register(BasicEngine::below(base)).unwrap();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::PermissionsExt;
        // Its users must pass.
        std::fs::set_permissions(base, std::fs::Permissions::from_mode(0o711)).unwrap();
        let sandbox = SandboxEngine::below(base).with_cache(base.join("images"));
        let is_there = sandbox.probe().await.availability.is_available();
        if is_there {
            let archive = DockerEngine::new(subject.docker.clone())
                .images()
                .save(&[IMAGE])
                .await;
            let mut options = ImportImage::default();
            options.image = Some(IMAGE.to_owned());
            let source = ImageSource::Archive(archive.unwrap());
            sandbox.images().import(source, options).await.unwrap();
            registry.register(sandbox).unwrap();
        }
        (Manager::new(registry), is_there)
    }
    #[cfg(not(target_os = "linux"))]
    (Manager::new(registry), false)
}

/// From a container to the engines of this machine, between them, and into a container again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_links_and_pipes_move() {
    // Only root gives files to other users.
    let user = std::process::Command::new("id").arg("-u").output().unwrap();
    if user.stdout != b"0\n" {
        eprintln!("skipped: only root can give files to others");
        return;
    }
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let (manager, has_sandbox) = Box::pin(manager(&subject, base.path(), &prefix)).await;
        let spec = EnvironmentSpec {
            image: Some(IMAGE.to_owned()),
            working_dir: Some("/work".to_owned()),
            ..EnvironmentSpec::default()
        };
        let choice = EngineChoice::Named("docker".to_owned());
        let mut environment = manager.create(&choice, spec).await.unwrap();
        sh(&environment, FILES).await;
        // The archives of Podman show no owners.
        let podman = subject.name.starts_with("podman");
        let look = match podman {
            true => LOOK.replace("%u:%g ", ""),
            false => LOOK.to_owned(),
        };
        let before = sh(&environment, &look).await;
        sh(&environment, SOCKET).await;
        let mut way = vec!["basic", "docker"];
        if has_sandbox {
            way = vec!["sandbox", "basic", "sandbox", "docker", "basic", "docker"];
        }
        for (number, engine) in way.iter().enumerate() {
            let options = MigrateOptions {
                image: (*engine == "docker").then(|| IMAGE.to_owned()),
                directory: (environment.engine() != "basic").then(|| "/work".to_owned()),
                remove_source: true,
                ..MigrateOptions::default()
            };
            let to = Destination::engine(*engine);
            let moved = manager.migrate(&environment, &to, options).await;
            let moved = moved.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
            let lost: Vec<&str> = moved.plan.lost.iter().map(|left| left.what.as_str()).collect();
            let socket = lost
                .iter()
                .any(|what| what.contains("the socket") && what.ends_with("/s"));
            assert_eq!(socket, number == 0, "{}: {engine}: {lost:?}", subject.name);
            let owners = lost.iter().any(|what| what.contains("owners"));
            let expected = podman && environment.engine() == "docker";
            assert_eq!(owners, expected, "{}: {engine}: {lost:?}", subject.name);
            environment = moved.environment;
            let at = match *engine {
                "basic" => look.clone(),
                _ => format!("cd /work && {look}"),
            };
            assert_eq!(sh(&environment, &at).await, before, "{}: {engine}", subject.name);
        }
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
