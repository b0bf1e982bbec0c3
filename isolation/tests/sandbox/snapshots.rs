//! Forks and snapshots of environments, with an image and without one.

use std::fs;
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::engines::sandbox::SandboxEngine;
use isolation::snapshots::{RestoreOptions, Snapshot, SnapshotOptions, SnapshotStore};
use isolation::{
    Destination, EngineChoice, Environment, EnvironmentSpec, ErrorKind, ForkOptions, Manager, MigrateOptions,
    Mount, Registry,
};

use crate::images::WithImage;
use crate::support::{Fixture, as_ordinary_user, manager, printed, rustix_is_root};

pub(crate) fn store() -> (tempfile::TempDir, SnapshotStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(&directory.path().join("store"))).unwrap();
    (directory, store)
}

pub(crate) async fn saved(environment: &Environment, store: &SnapshotStore) -> Snapshot {
    let saved = environment.snapshot(store, SnapshotOptions::default()).await;
    saved.unwrap().snapshot
}

pub(crate) async fn restored(manager: &Manager, store: &SnapshotStore, snapshot: &Snapshot) -> Environment {
    let restored = manager.restore(store, snapshot, RestoreOptions::default()).await;
    restored.unwrap().environment
}

/// Removes, changes and adds files of an image.
const CHANGE: &str = "rm kept && echo changed >new && mkdir sub && echo x >sub/x && rm -r /etc/passwd";
const LOOK: &str = "pwd; echo $COLOR; ls; cat new sub/x; ls /etc/passwd 2>&1 | cat; stat -c '%a %u' new sub";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forks_of_an_image_share_its_files() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let before = fixture.files();
    let environment = fixture.environment().await;
    printed(&environment, CHANGE).await;
    let look = printed(&environment, LOOK).await;
    let forks = fixture
        .manager
        .fork(&environment, 2, ForkOptions::default())
        .await
        .unwrap();
    environment.destroy().await.unwrap();
    for fork in &forks {
        assert_eq!(printed(fork, LOOK).await, look);
        let own = printed(
            fork,
            "echo $HOSTNAME; cat /etc/hostname; cat /proc/sys/kernel/hostname",
        )
        .await;
        let lines: Vec<&str> = own.lines().collect();
        assert!(lines[0] == lines[1] && lines[1] == lines[2], "{own}");
        assert!(fork.id().as_str().starts_with(lines[0]), "{own}");
        let details = fork.inspect().await.unwrap().details;
        assert_eq!(details["root"], "an overlay over the files of the image");
    }
    printed(&forks[0], "echo mine >new; rm -r sub").await;
    assert_eq!(printed(&forks[1], LOOK).await, look);
    // The image is in use until the last fork is gone.
    let error = fixture.engine().images().remove("test:1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains(forks[1].id().as_str()), "{error}");
    forks[1].stop(Duration::ZERO).await.unwrap();
    forks[1].start().await.unwrap();
    assert_eq!(printed(&forks[1], LOOK).await, look);
    drop(forks);
    assert_eq!(fixture.files(), before, "the files of the image were changed");
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
    fixture.engine().images().remove("test:1").await.unwrap();
}

#[test]
fn forks_of_an_image_as_an_ordinary_user() {
    as_ordinary_user("snapshots::forks_of_an_image_share_its_files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_of_an_image_needs_no_image() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let (_directory, store) = store();
    let environment = fixture.environment().await;
    printed(&environment, CHANGE).await;
    let look = printed(&environment, LOOK).await;
    let snapshot = saved(&environment, &store).await;
    assert!(snapshot.manifest.platform.starts_with("linux/"));
    assert!(snapshot.manifest.image.is_some());
    // Not running, it has the same files.
    environment.stop(Duration::ZERO).await.unwrap();
    let stopped = saved(&environment, &store).await;
    let differs = store.diff(&snapshot, &stopped).await.unwrap().files;
    assert!(differs.is_empty(), "{differs:?}");
    environment.destroy().await.unwrap();
    fixture.engine().images().remove("test:1").await.unwrap();
    let one = restored(&fixture.manager, &store, &snapshot).await;
    assert_eq!(printed(&one, LOOK).await, look);
    let details = one.inspect().await.unwrap().details;
    assert_eq!(details["root"], "the files of a snapshot");
    assert!(details["not_from_image"].contains("its ports"), "{details:?}");
    let again = saved(&one, &store).await;
    let differs = store.diff(&snapshot, &again).await.unwrap().files;
    let own = ["/etc", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    let foreign: Vec<_> = differs
        .iter()
        .filter(|one| !own.contains(&one.path.to_string().as_str()))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let forks = fixture
        .manager
        .fork(&one, 1, ForkOptions::default())
        .await
        .unwrap();
    one.destroy().await.unwrap();
    assert_eq!(printed(&forks[0], LOOK).await, look);
    drop(forks);
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[test]
fn snapshot_of_an_image_as_an_ordinary_user() {
    as_ordinary_user("snapshots::snapshot_of_an_image_needs_no_image");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounted_files_are_not_saved() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let (directory, store) = store();
    let host = directory.path().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("secret"), "hunter2").unwrap();
    let mut read_only = Mount::host(&host, "/mounted");
    read_only.read_only = true;
    let mut file = Mount::host(host.join("secret"), "/data/file");
    file.read_only = true;
    let spec = EnvironmentSpec {
        image: Some("test:1".into()),
        mounts: vec![read_only, file, Mount::tmpfs("/scratch", None)],
        ..EnvironmentSpec::default()
    };
    let choice = EngineChoice::Auto;
    let environment = fixture.manager.create(&choice, spec).await.unwrap();
    printed(&environment, "cat /mounted/secret && echo x >/scratch/x").await;
    let snapshot = saved(&environment, &store).await;
    let left: Vec<&str> = snapshot
        .manifest
        .left_out
        .iter()
        .map(|one| one.what.as_str())
        .collect();
    for what in ["/mounted", "/data/file", "/scratch"] {
        assert!(
            left.iter().any(|one| one.ends_with(&format!("at {what}"))),
            "{left:?}"
        );
    }
    let mut archive = Vec::new();
    store.export_image(&snapshot, "saved:1", &mut archive).unwrap();
    assert!(!archive.windows(7).any(|part| part == b"hunter2"));
    let again = restored(&fixture.manager, &store, &snapshot).await;
    assert_eq!(printed(&again, "cat /data/file; ls /scratch").await, "hunter2");
}

#[tokio::test]
async fn owners_are_those_of_the_environment() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    if !rustix_is_root() {
        return; // there is one user
    }
    let (_directory, store) = store();
    let environment = fixture.environment().await;
    let files =
        "cd /var/log && echo x >f && chown 5:6 f && chmod 4755 f && mkdir d && chown 7 d && chown 8 /";
    printed(&environment, files).await;
    let look = "stat -c '%n %u:%g %a' /var/log/f /var/log/d /";
    let before = printed(&environment, look).await;
    let snapshot = saved(&environment, &store).await;
    let forks = fixture
        .manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    let back = restored(&fixture.manager, &store, &snapshot).await;
    for one in [&forks[0], &back] {
        assert_eq!(printed(one, look).await, before);
    }
    // Another process finds the users of an environment whose root has another owner.
    environment.keep().await.unwrap();
    let other = manager(fixture.base.path());
    let opened = other.open(environment.id().as_str()).await.unwrap();
    assert_eq!(printed(&opened, look).await, before);
    opened.stop(Duration::ZERO).await.unwrap();
    opened.start().await.unwrap();
    assert_eq!(printed(&opened, look).await, before);
    opened.destroy().await.unwrap();
}

#[tokio::test]
async fn snapshot_of_another_kind_is_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (_directory, store) = store();
    let environment = fixture.environment().await;
    let mut snapshot = saved(&environment, &store).await;
    snapshot.manifest.engine = "basic".into();
    let options = RestoreOptions {
        engine: Some("sandbox".into()),
        ..RestoreOptions::default()
    };
    let error = fixture
        .manager
        .restore(&store, &snapshot, options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("isolate migrate"), "{error}");
}

/// A directory moves to this machine and back, with what both have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn special_files_move_to_a_directory_and_back() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut registry = Registry::new();
    registry
        .register(SandboxEngine::below(fixture.base.path()))
        .unwrap();
    registry
        .register(BasicEngine::below(fixture.base.path()))
        .unwrap();
    let manager = Manager::new(registry);
    let choice = EngineChoice::Named("sandbox".to_owned());
    let source = manager.create(&choice, EnvironmentSpec::default()).await.unwrap();
    let make = "mkdir -p /work/d && cd /work && mkfifo -m 640 p && echo x >a && ln a d/b && chmod 4755 a && \
                ln -s a l && chmod 500 d";
    printed(&source, make).await;
    if rustix_is_root() {
        printed(&source, "chown 5:6 /work/a /work/p && chmod 4755 /work/a").await;
    }
    let look = "stat -c '%n %F %a %u:%g' p a d/b d l; stat -c %h a; cat d/b";
    let inside = format!("cd /work && {look}");
    let before = printed(&source, &inside).await;
    for (directory, engine, address, kind, why) in [
        ("/none", "basic", None, ErrorKind::NotFound, "no directory /none"),
        (
            "/work/a",
            "basic",
            None,
            ErrorKind::InvalidInput,
            "is not a directory",
        ),
        (
            "/work",
            "basic",
            Some("/nonexistent/here"),
            ErrorKind::NotFound,
            "create it",
        ),
        (
            "/work",
            "sandbox",
            Some("/etc/passwd"),
            ErrorKind::NotFound,
            "/etc/passwd",
        ),
    ] {
        let options = MigrateOptions {
            directory: Some(directory.to_owned()),
            ..MigrateOptions::default()
        };
        let to = Destination {
            engine: engine.to_owned(),
            address: address.map(str::to_owned),
        };
        let error = manager.plan_migration(&source, &to, &options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let error = error.to_string();
        assert!(error.starts_with("cannot plan the migration of"), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let there = MigrateOptions {
        directory: Some("/work".to_owned()),
        ..MigrateOptions::default()
    };
    let there = manager
        .migrate(&source, &Destination::engine("basic"), there)
        .await;
    let there = there.unwrap();
    let back = Destination::engine("sandbox");
    let back = manager.migrate(&there.environment, &back, MigrateOptions::default());
    let back = back.await.unwrap();
    assert_eq!(printed(&back.environment, &inside).await, before);
    if rustix_is_root() {
        assert_eq!(printed(&there.environment, look).await, before);
        let lost = there.plan.lost.iter().chain(&back.plan.lost);
        let owners: Vec<_> = lost.filter(|left| left.what.contains("owners")).collect();
        assert!(owners.is_empty(), "{owners:?}");
    }
}

#[test]
fn special_files_move_as_an_ordinary_user() {
    as_ordinary_user("snapshots::special_files_move_to_a_directory_and_back");
}
