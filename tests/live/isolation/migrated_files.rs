//! Properties of files that a migration keeps: owners, bits, names and pipes; and files in memory.

#[cfg(target_os = "linux")]
use isolation::Engine;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::SandboxEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::snapshots::{SnapshotOptions, SnapshotStore};
use isolation::{
    Destination, EngineChoice, EnvironmentId, EnvironmentSpec, ErrorKind, ForkOptions, Manager,
    MigrateOptions, Mount, Registry, Status,
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

/// The files in memory in `/work/mem`.
const IN_MEMORY: &str =
    "find /work/mem -mindepth 1; grep -c ' /work/mem tmpfs ' /proc/mounts; cat /work/kept";

/// The daemon does not see them. A migration failed, because no command runs in a paused container.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_memory_are_left_out_and_named() {
    for subject in engines() {
        let name = &subject.name;
        let base = tempfile::tempdir().unwrap();
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let (manager, has_sandbox) = Box::pin(manager(&subject, base.path(), &prefix)).await;
        let spec = EnvironmentSpec {
            image: Some(IMAGE.to_owned()),
            working_dir: Some("/work".to_owned()),
            mounts: vec![
                Mount::tmpfs("/work/mem", None),
                Mount::tmpfs("/scratch/", Some(1 << 20)),
            ],
            ..EnvironmentSpec::default()
        };
        let choice = EngineChoice::Named("docker".to_owned());
        let mut environment = manager.create(&choice, spec).await.unwrap();
        let fill = "echo kept >/work/kept; echo x >/work/mem/lost; echo x >/scratch/lost";
        sh(&environment, fill).await;
        let memory = ["/work/mem", "/scratch"].map(|path| format!("the files in memory at {path}"));

        environment.pause().await.unwrap();
        let store = SnapshotStore::open(Some(&base.path().join("store"))).unwrap();
        let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
        let saved = saved.unwrap_or_else(|error| panic!("{name}: {}", one_line(&error)));
        let left: Vec<_> = saved
            .snapshot
            .manifest
            .left_out
            .iter()
            .map(|one| &one.what)
            .collect();
        assert!(memory.iter().all(|what| left.contains(&what)), "{name}: {left:?}");
        let forks = manager.fork(&environment, 1, ForkOptions::default()).await;
        let forks = forks.unwrap_or_else(|error| panic!("{name}: {}", one_line(&error)));
        assert_eq!(sh(&forks[0], IN_MEMORY).await, "1\nkept", "{name}");
        forks[0].destroy().await.unwrap();
        assert_eq!(environment.status(), Status::Paused, "{name}");
        let copied = environment
            .copy_out("/work/mem/lost", base.path().join("lost"))
            .await;
        let error = copied.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::WrongStatus,
            "{name}: {}",
            one_line(&error)
        );
        assert!(
            one_line(&error).contains("paused"),
            "{name}: {}",
            one_line(&error)
        );
        environment.unpause().await.unwrap();

        let of_memory = MigrateOptions {
            directory: Some("/work/mem/below".to_owned()),
            ..MigrateOptions::default()
        };
        let to = Destination::engine("basic");
        sh(&environment, "mkdir /work/mem/below").await;
        for error in [
            manager
                .plan_migration(&environment, &to, &of_memory)
                .await
                .unwrap_err(),
            manager.migrate(&environment, &to, of_memory).await.unwrap_err(),
        ] {
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{name}: {}",
                one_line(&error)
            );
            assert!(
                one_line(&error).contains("in memory (/work/mem)"),
                "{name}: {}",
                one_line(&error)
            );
        }
        assert_eq!(environment.status(), Status::Running, "{name}");

        let way: &[&str] = match has_sandbox {
            true => &["sandbox", "docker", "basic"],
            false => &["basic"],
        };
        for engine in way {
            let options = MigrateOptions {
                image: (*engine != "basic").then(|| IMAGE.to_owned()),
                directory: Some("/work".to_owned()),
                remove_source: true,
                ..MigrateOptions::default()
            };
            let to = Destination::engine(*engine);
            let plan = manager.plan_migration(&environment, &to, &options).await.unwrap();
            let lost: Vec<_> = plan.lost.iter().map(|one| one.what.as_str()).collect();
            for what in &memory {
                let count = lost.iter().filter(|lost| *lost == what).count();
                assert_eq!(count, 1, "{name}: {engine}: {what}: {lost:?}");
            }
            let moved = manager.migrate(&environment, &to, options).await;
            let moved = moved.unwrap_or_else(|error| panic!("{name}: {engine}: {}", one_line(&error)));
            let again = moved.plan.lost.iter().filter(|one| one.what == memory[0]);
            assert_eq!(again.count(), 1, "{name}: {engine}: {:?}", moved.plan.lost);
            environment = moved.environment;
            if *engine != "basic" {
                assert_eq!(sh(&environment, IN_MEMORY).await, "1\nkept", "{name}: {engine}");
                sh(&environment, fill).await;
            }
        }
        assert_eq!(sh(&environment, "ls mem; cat kept").await, "kept", "{name}");
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
