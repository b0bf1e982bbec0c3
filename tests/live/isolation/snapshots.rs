//! Snapshots and forks of containers: what is carried, and what no image shows.

use engine_api::Upload;
use engine_api::containers::{ContainerFilters, CreateContainer, ListContainers, RemoveContainer};
use engine_api::images::LoadImages;
use isolation::engines::docker::{VolumeOptions, labels};
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{Environment, EnvironmentSpec, ForkOptions, Gc, GcImage, Manager, Mount};

use super::{active, manager, sh, spec};
use crate::support::{IMAGE, Subject, engines, one_line};

const SECRET: &str = "planted-hunter2";

/// Files of every kind, in the file system and in a volume.
const FILES: &str = "cd /root && echo one >f && ln f g && chown 5:6 f && chmod 4755 f && ln -s f l && \
                     mkdir d && touch -d @100 d && mkfifo p && echo v >/data/x && chown 7:8 /data/x && \
                     chmod 640 /data/x && rm /bin/vi && head -c 300000 /dev/zero >zeros";

const LOOK: &str = "cd /root && stat -c '%n %F %u:%g %a %h %Y' f g l d p zeros /data/x && readlink l && \
                    cat f /data/x && md5sum zeros /bin/sh && ls /bin/vi 2>&1; find / -xdev | \
                    grep -Ev '^/(proc|sys|dev)' | sort | md5sum";

fn store() -> (tempfile::TempDir, SnapshotStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    (directory, store)
}

/// An environment with a volume and a secret.
async fn sample(
    subject: &Subject,
    manager: &Manager,
) -> (Environment, isolation::engines::docker::CreatedVolume) {
    let engine = super::engine(subject).0;
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    let spec = EnvironmentSpec {
        env: [("TOKEN", SECRET)].into(),
        mounts: vec![Mount::volume(volume.on_daemon(), "/data")],
        ..spec()
    };
    let environment = active(manager, spec).await;
    sh(&environment, FILES).await;
    (environment, volume)
}

#[tokio::test]
async fn snapshot_brings_back_files_and_volumes() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let (directory, store) = store();
        let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
        let saved = saved.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        // It runs on, and nothing in the store has the secret.
        let before = sh(&environment, LOOK).await;
        for place in ["snapshots", "packs"] {
            for file in std::fs::read_dir(directory.path().join(place)).unwrap() {
                let content = std::fs::read(file.unwrap().path()).unwrap();
                let found = content
                    .windows(SECRET.len())
                    .any(|part| part == SECRET.as_bytes());
                assert!(!found, "{}: {place}", subject.name);
            }
        }
        assert_eq!(saved.snapshot.manifest.withheld, ["TOKEN"]);
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
        let restored = manager
            .restore(&store, &saved.snapshot, RestoreOptions::default())
            .await;
        let restored = restored.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(restored.missing_variables, ["TOKEN"]);
        assert_eq!(sh(&restored.environment, LOOK).await, before, "{}", subject.name);
        assert_eq!(sh(&restored.environment, "echo ${TOKEN-none}").await, "none");
        // The same files give the same chunks.
        let again = restored
            .environment
            .snapshot(&store, SnapshotOptions::default())
            .await;
        let again = again.unwrap();
        let changed = store.diff(&saved.snapshot, &again.snapshot).await.unwrap().files;
        let by_daemon = ["", "root", "data", "etc", "dev", "proc", "sys", "run", "tmp"];
        let foreign = |path: &[u8]| !by_daemon.iter().any(|known| known.as_bytes() == path);
        let changed: Vec<_> = changed
            .iter()
            .filter(|one| foreign(one.path.as_bytes()))
            .collect();
        assert!(changed.is_empty(), "{}: {changed:?}", subject.name);
        assert!(again.added < 200_000, "{}: {} bytes", subject.name, again.added);
        let image = image_of(&subject, &restored.environment).await;
        assert!(image.contains("isolation-state"), "{}: {image}", subject.name);
        restored.environment.destroy().await.unwrap();
        assert!(!is_there(&subject, &image).await, "{}", subject.name);
    }
}

/// As an image, a snapshot has the files and the configuration, and no secret.
#[tokio::test]
async fn snapshot_is_loaded_as_an_image() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let (_directory, store) = store();
        let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
        let mut archive = Vec::new();
        let name = format!("{}oci:1", prefix.to_lowercase());
        store
            .export_image(&saved.unwrap().snapshot, &name, &mut archive)
            .unwrap();
        let found = archive
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!found, "{}", subject.name);
        let archive = Upload::reader(std::io::Cursor::new(archive));
        let images = subject.docker.images();
        let mut lines = images.load(archive, LoadImages::default()).await.unwrap();
        while let Some(line) = lines.next().await {
            line.unwrap();
        }
        let loaded = active(&manager, super::of_image(&name)).await;
        let look = "cd /root && cat f && stat -c '%u:%g %a' f && readlink l && ls /bin/vi 2>&1 | grep -c No";
        assert_eq!(sh(&loaded, look).await, "one\n5:6 4755\nf\n1", "{}", subject.name);
        loaded.destroy().await.unwrap();
        super::remove_image(&subject, &name).await;
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
    }
}

/// After each step the snapshot of what has changed is that of everything.
#[tokio::test]
async fn changed_files_give_a_full_snapshot() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let (_directory, store) = store();
        for script in [
            "true",
            "echo two >>/root/f; rm /root/l; mkdir /root/new && mv /root/zeros /root/new/moved",
            "chmod 700 /root/d; touch -d @200 /root/new/moved; chown 3:4 /root/d; rm /root/p",
            "rm -r /root/new; mkdir /root/new; echo x >/root/new/x; ln /root/new/x /root/y",
            "ln /bin/cat /root/linked; rm /bin/sleep; echo v2 >/data/x; rm -r /etc/network; true",
            "rm -r /root/d; echo file >/root/d; ln -s /tmp /root/t; cp -a /root/y /root/z",
            "mkdir -p /a/b/c && cp /bin/busybox /a/b/c/ && echo back >/bin/vi",
        ] {
            sh(&environment, script).await;
            let step = environment.snapshot(&store, SnapshotOptions::default()).await;
            let step = step.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
            let full = SnapshotOptions {
                full: true,
                ..SnapshotOptions::default()
            };
            let full = environment.snapshot(&store, full).await.unwrap();
            let differs = store.diff(&full.snapshot, &step.snapshot).await.unwrap().files;
            assert!(differs.is_empty(), "{}: {script}: {differs:?}", subject.name);
            store.verify(&step.snapshot).unwrap();
        }
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
    }
}

/// The name of the image of an environment's container.
async fn image_of(subject: &Subject, environment: &Environment) -> String {
    let filters = ContainerFilters {
        label: [format!("{}={}", labels::ENVIRONMENT, environment.id())].into(),
        ..ContainerFilters::default()
    };
    let options = ListContainers {
        all: true,
        filters,
        ..ListContainers::default()
    };
    let listed = subject.docker.containers().list(options).await.unwrap();
    listed[0].image.clone()
}

async fn is_there(subject: &Subject, image: &str) -> bool {
    subject
        .docker
        .images()
        .inspect(image, Default::default())
        .await
        .is_ok()
}

#[tokio::test]
async fn forks_share_nothing_and_show_no_secret() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let forked = manager.fork(&environment, 3, ForkOptions::default()).await;
        let forks = forked.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        for (number, fork) in forks.iter().enumerate() {
            let script = format!("cat /root/f /data/x; echo {number} >/data/x; echo {number} >>/root/f");
            assert_eq!(sh(fork, &script).await, "one\nv", "{}", subject.name);
            assert_eq!(sh(fork, "echo $TOKEN").await, SECRET, "a fork has the variables");
        }
        assert_eq!(sh(&environment, "cat /data/x /root/f").await, "v\none");
        for (number, fork) in forks.iter().enumerate() {
            let expected = format!("{number}\none\n{number}");
            assert_eq!(
                sh(fork, "cat /data/x /root/f").await,
                expected,
                "{}",
                subject.name
            );
        }
        let image = image_of(&subject, &forks[0]).await;
        assert_eq!(image_of(&subject, &forks[2]).await, image);
        // Also as an old client sees it.
        let mut texts = vec![format!(
            "{:?}",
            subject
                .docker
                .images()
                .history(&image, Default::default())
                .await
                .unwrap()
        )];
        for version in ["", "/v1.41"] {
            let path = format!("{version}/images/{}/json", image);
            let reply = subject.docker.raw("GET", &path).send().await.unwrap();
            assert_eq!(reply.status, 200, "{}: {path}", subject.name);
            texts.push(String::from_utf8_lossy(&reply.body.collect().await.unwrap()).into_owned());
        }
        for text in texts {
            assert!(!text.contains(SECRET), "{}: {text}", subject.name);
            assert!(
                !text.contains(environment.id().as_str()),
                "{}: {text}",
                subject.name
            );
        }
        // Somebody else uses the image; neither the end of the forks nor a collection removes that.
        let name = format!("{prefix}somebody");
        let body = CreateContainer {
            name: Some(name.clone()),
            image: image.clone(),
            cmd: ["sleep", "60"].into(),
            ..CreateContainer::default()
        };
        subject.docker.containers().create(body).await.unwrap();
        for fork in &forks {
            fork.destroy().await.unwrap();
        }
        let report = manager.gc(Gc::default()).await.unwrap();
        let names = |images: &[GcImage]| images.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert!(
            names(&report.used_images).contains(&image),
            "{}: {report:?}",
            subject.name
        );
        let theirs = subject
            .docker
            .containers()
            .inspect(&name, Default::default())
            .await;
        assert!(theirs.is_ok(), "{}", subject.name);
        let remove = RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        };
        subject.docker.containers().remove(&name, remove).await.unwrap();
        // Only the state directory names the image now.
        let dry_run = manager.gc(Gc { dry_run: true }).await.unwrap();
        assert!(
            names(&dry_run.images).contains(&image),
            "{}: {dry_run:?}",
            subject.name
        );
        let report = manager.gc(Gc::default()).await.unwrap();
        assert!(
            names(&report.images).contains(&image),
            "{}: {report:?}",
            subject.name
        );
        assert!(!is_there(&subject, &image).await, "{}", subject.name);
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
    }
}

/// The files of a volume are copied for each fork: a later fork had later files.
#[tokio::test]
async fn prepared_forks_have_the_volume_as_it_was() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let prepared = manager.prepare_forks(&environment, 1, ForkOptions::default());
        let prepared = Box::pin(prepared).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        sh(&environment, "echo later >/data/x; echo later >/root/f").await;
        for _ in 0..2 {
            let fork = Box::pin(prepared.take()).await.unwrap();
            let found = sh(&fork, "cat /root/f /data/x").await;
            assert_eq!(found, "one\nv", "{}", subject.name);
            fork.destroy().await.unwrap();
        }
        environment.destroy().await.unwrap();
        drop(prepared);
        volume.remove().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn forks_are_removed_with_their_image() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let environment = active(&manager, spec()).await;
        let forks = manager
            .fork(&environment, 2, ForkOptions::default())
            .await
            .unwrap();
        // A fork of a fork, opened as another process would.
        let (first, opened) = (
            image_of(&subject, &forks[0]).await,
            manager.open(forks[0].id().as_str()).await.unwrap(),
        );
        sh(&opened, "echo x >/root/x").await;
        let second = manager.fork(&opened, 1, ForkOptions::default()).await.unwrap();
        assert_eq!(sh(&second[0], "cat /root/x").await, "x");
        let last = image_of(&subject, &second[0]).await;
        opened.destroy().await.unwrap();
        forks[1].destroy().await.unwrap();
        assert_eq!(sh(&second[0], "cat /root/x").await, "x", "{}", subject.name);
        second[0].destroy().await.unwrap();
        environment.destroy().await.unwrap();
        for image in [&first, &last] {
            assert!(!is_there(&subject, image).await, "{}: {image}", subject.name);
        }
        assert!(is_there(&subject, IMAGE).await);
    }
}

/// The files of a container become those of a sandbox and of a container again.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_move_to_a_sandbox_and_back() {
    use isolation::Engine;
    use isolation::engines::sandbox::SandboxEngine;
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    // Its users must pass.
    std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let sandbox = SandboxEngine::below(base.path()).with_cache(base.path().join("images"));
    let availability = sandbox.probe().await.availability;
    if !availability.is_available() {
        eprintln!("skipped: {availability}");
        return;
    }
    let look = "cd /root && stat -c '%n %F %u:%g %a %h' f g l d p zeros /data/x && readlink l && cat f /data/x \
                && md5sum zeros /bin/sh && ls /bin/vi 2>&1 | cat";
    for subject in engines() {
        let (docker, prefix) = super::engine(&subject);
        let mut registry = isolation::Registry::new();
        registry.register(docker).unwrap();
        registry.register(sandbox.clone()).unwrap();
        let manager = Manager::new(registry);
        let (environment, volume) = Box::pin(sample(&subject, &manager)).await;
        let before = sh(&environment, look).await;
        let (_directory, store) = store();
        let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
        let on = |engine: &str| RestoreOptions {
            engine: Some(engine.to_owned()),
            env: [("TOKEN", SECRET)].into(),
            ..RestoreOptions::default()
        };
        let inside = manager
            .restore(&store, &saved.unwrap().snapshot, on("sandbox"))
            .await;
        let inside = inside.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let inside = inside.environment;
        assert_eq!(sh(&inside, look).await, before, "{}", subject.name);
        assert_eq!(sh(&inside, "echo $TOKEN").await, SECRET);
        sh(&inside, "echo sandboxed >>/root/f").await;
        let there = sh(&inside, look).await;
        let saved = inside.snapshot(&store, SnapshotOptions::default()).await;
        inside.destroy().await.unwrap();
        let back = manager
            .restore(&store, &saved.unwrap().snapshot, on("docker"))
            .await;
        let back = back.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        assert_eq!(sh(&back.environment, look).await, there, "{}", subject.name);
        back.environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}
