//! Volumes: archives of them, copies, mounts.

use std::io::Cursor;

use engine_api::containers::{ContainerFilters, ListContainers, RemoveContainer};
use engine_api::volumes::RemoveVolume;
use isolation::engines::docker::{DockerEngine, DockerSettings, VolumeOptions, labels};
use isolation::{
    CopySource, Environment, EnvironmentSpec, ErrorKind, ForkOptions, Gc, Lifetime, Manager, ManagerOptions,
    Mount, Reaper, Registry,
};

use super::owner::Owner;
use super::owner_ends::isolate;
use super::{active, engine, manager_of, sh, spec};
use crate::support::{IMAGE, Subject, engines, one_line, until};

fn with_prefix(subject: &Subject) -> (DockerEngine, String) {
    let (engine, prefix) = engine(subject);
    let settings = DockerSettings {
        volume_prefix: prefix.clone(),
        default_image: IMAGE.to_owned(),
        ..engine.settings().clone()
    };
    (engine.with_settings(settings).unwrap(), prefix)
}

fn mounting(volume: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        mounts: vec![Mount::volume(volume, "/data")],
        ..spec()
    }
}

async fn left(subject: &Subject, prefix: &str) -> Vec<String> {
    let listed = subject.docker.volumes().list(Default::default()).await.unwrap();
    let names = listed.volumes.into_iter().map(|volume| volume.name);
    names.filter(|name| name.starts_with(prefix)).collect()
}

const FILES: &str = "cd /data && mkdir -p d && echo one >d/f && chmod 640 d/f && chown 1000:1001 d/f && \
                     ln d/f hard && ln -s d/f soft && chmod 2750 d && chown 7:8 d";

const LOOK: &str = "cd /data && stat -c '%n %u:%g %a %h' d d/f hard && readlink soft && cat soft";

#[tokio::test]
async fn archive_keeps_owners_modes_and_links() {
    for subject in engines() {
        let (engine, prefix) = with_prefix(&subject);
        let first = engine.volumes().create(VolumeOptions::default()).await.unwrap();
        let second = engine.volumes().create(VolumeOptions::default()).await.unwrap();
        let other = with_prefix(&subject).0;
        let manager = manager_of(other);
        let environment = active(&manager, mounting(first.on_daemon())).await;
        sh(&environment, FILES).await;
        let before = sh(&environment, LOOK).await;
        assert!(
            before.contains("d/f 1000:1001 640 2"),
            "{}: {before}",
            subject.name
        );
        environment.destroy().await.unwrap();
        let mut archive = Vec::new();
        let exported = engine.volumes().export(first.on_daemon(), &mut archive).await;
        let bytes = exported.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(usize::try_from(bytes).unwrap(), archive.len());
        engine
            .volumes()
            .import(second.on_daemon(), Cursor::new(archive))
            .await
            .unwrap();
        let environment = active(&manager, mounting(second.on_daemon())).await;
        assert_eq!(sh(&environment, LOOK).await, before, "{}", subject.name);
        let used = engine.volumes().remove(second.on_daemon()).await.unwrap_err();
        assert_eq!(used.kind(), ErrorKind::Conflict, "{}", one_line(&used));
        let usage = engine.volumes().usage(second.on_daemon()).await.unwrap();
        assert!(
            usage.size.unwrap() > 0 && usage.containers == Some(1),
            "{}: {usage:?}",
            subject.name
        );
        environment.destroy().await.unwrap();
        first.remove().await.unwrap();
        drop(second);
        let what = format!("{}: volumes are left", subject.name);
        until(&what, async || left(&subject, &prefix).await.is_empty()).await;
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn files_are_copied_without_an_environment() {
    for subject in engines() {
        let (engine, prefix) = with_prefix(&subject);
        let kept = VolumeOptions {
            name: Some("seed".into()),
            lifetime: Lifetime::Kept,
            ..VolumeOptions::default()
        };
        let volumes = engine.volumes();
        let seed = volumes.create(kept).await.unwrap().info().clone();
        volumes
            .copy_in(&seed.id, CopySource::bytes("content"), "deep/file")
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("back");
        volumes.copy_out(&seed.id, "/deep/file", &target).await.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"content");
        let missing = volumes.copy_out(&seed.id, "no-such", &target).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound, "{}", one_line(&missing));
        let outside = volumes
            .copy_out(&seed.id, "../../etc/passwd", &target)
            .await
            .unwrap_err();
        assert_eq!(
            outside.kind(),
            ErrorKind::OutsideEnvironment,
            "{}",
            one_line(&outside)
        );
        let damaged = volumes
            .import(&seed.id, Cursor::new(b"no archive".to_vec()))
            .await;
        assert!(damaged.is_err(), "{}", subject.name);
        volumes.remove(&seed.id).await.unwrap();
        assert_eq!(left(&subject, &prefix).await, [""; 0], "{}", subject.name);
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// `/tmp` is the same directory for the engines of `tests/engines`.
#[tokio::test]
async fn volumes_are_in_the_directory_of_the_settings() {
    use std::os::unix::fs::MetadataExt;

    for subject in engines() {
        let (engine, prefix) = with_prefix(&subject);
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let is_root = std::fs::metadata(base.path()).unwrap().uid() == 0;
        let settings = DockerSettings {
            volume_base_path: Some(base.path().to_str().unwrap().to_owned()),
            ..engine.settings().clone()
        };
        let engine = engine.with_settings(settings).unwrap();
        let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
        let name = volume.on_daemon().to_owned();
        let manager = manager_of(with_prefix(&subject).0);
        let environment = active(&manager, mounting(&name)).await;
        sh(&environment, "umask 077; mkdir /data/d; echo text >/data/d/file").await;
        environment.destroy().await.unwrap();
        let file = base.path().join(&name).join("d/file");
        if is_root {
            assert_eq!(
                std::fs::read_to_string(&file).unwrap(),
                "text\n",
                "{}",
                subject.name
            );
            assert_eq!(std::fs::read_dir(base.path().join(&name)).unwrap().count(), 1);
        } else {
            assert!(!file.exists(), "{}", subject.name);
        }
        volume.remove().await.unwrap();
        assert_eq!(
            std::fs::read_dir(base.path()).unwrap().count(),
            0,
            "{}",
            subject.name
        );
        assert_eq!(left(&subject, &prefix).await, [""; 0]);
    }
}

/// The owner is killed, and its volume removed, so that only the directory is left.
#[tokio::test]
async fn directory_of_a_killed_owner_is_collected() {
    use std::os::unix::fs::MetadataExt;

    for subject in engines() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        if std::fs::metadata(base.path()).unwrap().uid() != 0 {
            // Only root makes such directories.
            continue;
        }
        let (address, directory) = (subject.docker.address(), base.path().to_str().unwrap());
        let variables = [("ISOLATE_REAPER", "off")];
        let mut owner = Owner::start(&address, &variables, &["volume", directory]);
        let line = owner.line();
        let name = line
            .strip_prefix("ready ")
            .unwrap_or_else(|| panic!("{}: {line}", subject.name));
        owner.kill();
        let volumes = subject.docker.volumes();
        volumes.remove(name, RemoveVolume::default()).await.unwrap();
        // That of another program, without a mark.
        let other = base.path().join("other");
        std::fs::create_dir(&other).unwrap();
        assert!(base.path().join(name).is_dir(), "{}", subject.name);
        let config = owner.state.path().join("config.json");
        let text = serde_json::json!({"docker": {"volume_base_path": directory}});
        std::fs::write(&config, text.to_string()).unwrap();
        let arguments = ["--config", config.to_str().unwrap(), "gc"];
        let ended = isolate(&address, owner.state.path(), &arguments);
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{}: {err}", subject.name);
        let left: Vec<_> = std::fs::read_dir(base.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{}: {left:?}: {err}", subject.name);
        assert_eq!(left[0].path(), other, "{}", subject.name);
    }
}

/// As `docker rm -f` does.
async fn remove_container(subject: &Subject, environment: &Environment) {
    let filters = ContainerFilters {
        label: [format!("{}={}", labels::ENVIRONMENT, environment.id())].into(),
        ..ContainerFilters::default()
    };
    let options = ListContainers {
        all: true,
        filters,
        ..ListContainers::default()
    };
    let containers = subject.docker.containers();
    let listed = containers.list(options).await.unwrap();
    assert_eq!(listed.len(), 1, "{}", subject.name);
    let force = RemoveContainer {
        force: true,
        ..RemoveContainer::default()
    };
    containers.remove(&listed[0].id, force).await.unwrap();
}

/// Somebody else removes the container of a kept fork, whose volume is a copy.
#[tokio::test]
async fn volume_of_a_removed_container_is_collected() {
    for subject in engines() {
        let state = tempfile::tempdir().unwrap();
        let (engine, prefix) = with_prefix(&subject);
        let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
        let mut registry = Registry::new();
        registry.register(engine).unwrap();
        let options = ManagerOptions {
            state_directory: Some(state.path().to_owned()),
            reaper: Reaper::Off,
            ..ManagerOptions::default()
        };
        let manager = Manager::with_options(registry, options);
        let environment = active(&manager, mounting(volume.on_daemon())).await;
        let forks = manager.fork(&environment, 1, ForkOptions::default()).await;
        let forks = forks.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        forks[0].keep().await.unwrap();
        assert_eq!(left(&subject, &prefix).await.len(), 2, "{}", subject.name);
        remove_container(&subject, &forks[0]).await;
        let report = manager.gc(Gc::default()).await.unwrap();
        let removed: Vec<_> = report.removed.iter().map(|one| &one.id).collect();
        assert_eq!(removed, [forks[0].id()], "{}: {report:?}", subject.name);
        let volumes = left(&subject, &prefix).await;
        assert_eq!(volumes, [volume.on_daemon()], "{}", subject.name);
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
