//! Volumes that belong to no environment: archives, copies, sizes, and which of them a prune
//! removes.

use std::io::Cursor;
use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, DockerSettings, VolumeOptions};
use isolation::{Command, CopySource, Environment, EnvironmentSpec, ErrorKind, Lifetime, Mount};
use tests::chain;
use tokio::time::timeout;

use super::docker_engine::{IMAGE, create, on, settle, spec};

fn engine(fake: &FakeEngine) -> DockerEngine {
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let settings = DockerSettings {
        default_image: "no-such:1".to_owned(),
        ..engine.settings().clone()
    };
    engine.with_settings(settings).unwrap()
}

fn mounting(volume: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        mounts: vec![Mount::volume(volume, "/data")],
        ..spec()
    }
}

fn kept(name: Option<&str>) -> VolumeOptions {
    VolumeOptions {
        name: name.map(str::to_owned),
        lifetime: Lifetime::Kept,
        ..VolumeOptions::default()
    }
}

async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    output.stdout_text().trim().to_owned()
}

#[tokio::test]
async fn volume_is_exported_and_imported() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let manager = on(&fake);
    let (first, second) = (
        engine.volumes().create(VolumeOptions::default()).await.unwrap(),
        engine.volumes().create(VolumeOptions::default()).await.unwrap(),
    );
    let environment = create(&manager, mounting(first.on_daemon())).await.unwrap();
    sh(
        &environment,
        "mkdir /data/d && echo one >/data/d/f && ln -s d/f /data/link",
    )
    .await;
    // A volume is found by its name, its ID, the beginning of its ID, and its name on the daemon.
    let info = first.info().clone();
    for reference in [&info.name, &info.id, &info.id[..6], first.on_daemon()] {
        assert_eq!(engine.volumes().inspect(reference).await.unwrap(), info);
    }
    let mut archive = Vec::new();
    let written = engine.volumes().export(&info.id, &mut archive).await.unwrap();
    assert_eq!(usize::try_from(written).unwrap(), archive.len());
    let mut entries = tar::Archive::new(Cursor::new(&archive));
    let names = entries.entries().unwrap().map(|entry| {
        let path = entry.unwrap().path().unwrap().into_owned();
        path.display().to_string()
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["./", "d/", "d/f", "link"]);
    let source = Cursor::new(archive);
    engine.volumes().import(second.on_daemon(), source).await.unwrap();
    let other = create(&manager, mounting(second.on_daemon())).await.unwrap();
    assert_eq!(sh(&other, "cat /data/link").await, "one");

    let usage = engine.volumes().usage(second.on_daemon()).await.unwrap();
    assert_eq!((usage.size, usage.containers), (Some(4), Some(1)));
    let error = engine.volumes().remove(second.on_daemon()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(&error));
    assert_eq!(
        fake.snapshot().containers.len(),
        2,
        "no container of an access is left"
    );
    other.destroy().await.unwrap();
    environment.destroy().await.unwrap();
    first.remove().await.unwrap();
    second.remove().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn files_are_copied_into_and_out_of_a_volume() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let volumes = engine.volumes();
    let seed = volumes.create(kept(Some("seed"))).await.unwrap();
    let content = CopySource::bytes("content");
    volumes.copy_in("seed", content, "deep/file").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("back");
    volumes.copy_out("seed", "/deep", &target).await.unwrap();
    assert_eq!(std::fs::read(target.join("file")).unwrap(), b"content");
    let missing = volumes.copy_out("seed", "no-such", &target).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let text = chain(&missing);
    assert!(text.contains("no-such does not exist in the volume"), "{text}");
    let outside = volumes.copy_out("seed", "../x", &target).await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::OutsideEnvironment, "{outside}");
    let content = CopySource::bytes("x");
    let outside = volumes.copy_in("seed", content, "../x").await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::OutsideEnvironment, "{outside}");
    let unknown = volumes.copy_out("seeds", "deep", &target).await.unwrap_err();
    assert!(unknown.is_not_found(), "{unknown}");
    drop(seed);
    volumes.remove("seed").await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn access_to_a_volume_that_fails_leaves_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    let name = volume.on_daemon();
    for (method, path) in [("PUT", "/archive"), ("POST", "/containers/create")] {
        fake.fail_next(method, path, Fault::internal_error("no space left on device"));
        let source = Cursor::new(vec![0; 1024]);
        let error = engine.volumes().import(name, source).await.unwrap_err();
        assert!(chain(&error).contains("no space left"), "{}", chain(&error));
        settle().await;
        assert_eq!(fake.resources(), [format!("volume {name}")]);
    }
    fake.fail_next("GET", "/archive", Fault::internal_error("broken"));
    let error = engine.volumes().export(name, Vec::new()).await.unwrap_err();
    assert_eq!(error.operation(), Some("export the volume"));
    let error = engine
        .volumes()
        .import(name, Cursor::new(vec![1; 1024]))
        .await
        .unwrap_err();
    assert!(
        chain(&error).contains("import into the volume"),
        "{}",
        chain(&error)
    );
    volume.remove().await.unwrap();
    let bare = FakeEngine::new();
    let engine = self::engine(&bare);
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    let error = engine
        .volumes()
        .export(volume.on_daemon(), Vec::new())
        .await
        .unwrap_err();
    assert!(
        error.is_not_found() && chain(&error).contains("docker pull"),
        "{}",
        chain(&error)
    );
    volume.remove().await.unwrap();
    assert_eq!((fake.resources(), bare.resources()), (Vec::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn prune_leaves_what_is_named_used_or_owned() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let manager = on(&fake);
    let volumes = engine.volumes();
    let docker = Docker::with_connector(fake.clone());
    let stranger = engine_api::volumes::CreateVolume {
        name: "stranger".to_owned(),
        ..Default::default()
    };
    docker.volumes().create(stranger).await.unwrap();
    let owned = volumes.create(VolumeOptions::default()).await.unwrap();
    let used = volumes.create(kept(None)).await.unwrap().info().clone();
    let unused = volumes.create(kept(None)).await.unwrap().info().clone();
    let named = volumes.create(kept(Some("data"))).await.unwrap().info().clone();
    let environment = create(&manager, mounting(&used.on_daemon)).await.unwrap();
    assert_eq!(volumes.list().await.unwrap().len(), 4);
    assert_eq!(volumes.prune().await.unwrap(), [unused]);
    // A container begins to use it after it was listed.
    let (status, message) = (409, "volume is in use".to_owned());
    for _ in 0..200 {
        let (status, message) = (status, message.clone());
        fake.fail_next("DELETE", &named.on_daemon, Fault::Error { status, message });
    }
    assert_eq!(volumes.prune_all().await.unwrap(), []);
    fake.reset();
    assert_eq!(volumes.prune_all().await.unwrap(), [named]);
    environment.destroy().await.unwrap();
    assert_eq!(volumes.prune_all().await.unwrap(), [used]);
    owned.remove().await.unwrap();
    assert_eq!(fake.resources(), ["volume stranger"]);
}

#[tokio::test(start_paused = true)]
async fn environment_mounts_a_volume_by_its_name() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let manager = on(&fake);
    let volume = engine.volumes().create(kept(Some("data.1"))).await.unwrap();
    let environment = create(&manager, mounting("data.1")).await.unwrap();
    sh(&environment, "echo kept >/data/file").await;
    environment.destroy().await.unwrap();
    let again = create(&manager, mounting(&volume.info().id)).await.unwrap();
    assert_eq!(sh(&again, "cat /data/file").await, "kept");
    again.destroy().await.unwrap();
    engine.volumes().remove("data.1").await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn snapshot_and_fork_have_volumes_of_their_own() {
    use isolation::ForkOptions;
    use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
    let fake = FakeEngine::new().with_image(IMAGE);
    let before = fake.snapshot();
    let engine = engine(&fake);
    let manager = on(&fake);
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    let kept = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let source = create(&manager, mounting(volume.on_daemon())).await.unwrap();
    sh(&source, "mkdir /data/d && echo one >/data/d/f && echo own >/own").await;
    let saved = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
    let mut forks = manager.fork(&source, 1, ForkOptions::default()).await.unwrap();
    let fork = forks.remove(0);
    sh(&source, "echo two >/data/d/f").await;
    let restored = manager
        .restore(&store, &saved.snapshot, RestoreOptions::default())
        .await;
    let restored = restored
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
        .environment;
    for other in [&fork, &restored] {
        assert_eq!(sh(other, "cat /data/d/f /own").await, "one\nown");
        sh(other, "echo three >/data/d/f").await;
        assert_eq!(sh(&source, "cat /data/d/f").await, "two");
    }
    assert_eq!(fake.snapshot().volumes.len(), 3);
    for environment in [source, fork, restored] {
        environment.destroy().await.unwrap();
    }
    assert_eq!(
        engine
            .volumes()
            .usage(volume.on_daemon())
            .await
            .unwrap()
            .containers,
        Some(0)
    );
    volume.remove().await.unwrap();
    assert_eq!(fake.snapshot().since(&before), Vec::<String>::new());
}

/// The daemon creates a missing volume that a new container mounts: a volume whose removal was
/// faster than the creation of the container came back, without labels.
#[tokio::test(start_paused = true)]
async fn removed_volume_does_not_come_back() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (engine, manager) = (engine(&fake), on(&fake));
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    fake.fail_next(
        "POST",
        "/containers/create",
        Fault::Delay(Duration::from_secs(20)),
    );
    let creating = create(&manager, mounting(volume.on_daemon()));
    assert!(timeout(Duration::from_secs(1), creating).await.is_err());
    drop(volume);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// The volume of a container whose removal takes long.
#[tokio::test(start_paused = true)]
async fn volume_waits_for_the_removal_of_its_container() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (engine, manager) = (engine(&fake), on(&fake));
    let volume = engine.volumes().create(VolumeOptions::default()).await.unwrap();
    let environment = create(&manager, mounting(volume.on_daemon())).await.unwrap();
    let name = environment.inspect().await.unwrap().details["container"].clone();
    fake.fail_next("DELETE", &name, Fault::Delay(Duration::from_secs(40)));
    drop((environment, volume));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn volume_is_mounted_by_any_name_it_can_have() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (engine, manager) = (engine(&fake), on(&fake));
    for name in ["a/b", "größe 7", "x:y", ".x", &"n".repeat(300)] {
        let volume = engine.volumes().create(kept(Some(name))).await.unwrap();
        let environment = create(&manager, mounting(name)).await;
        let environment = environment.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        environment.destroy().await.unwrap();
        volume.remove().await.unwrap();
    }
    for name in ["", " ", "a\nb", &"n".repeat(1025)] {
        let before = fake.requests().len();
        let created = engine.volumes().create(kept(Some(name))).await;
        assert_eq!(created.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        let mounted = create(&manager, mounting(name)).await;
        assert_eq!(mounted.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        let sent = fake.requests().split_off(before);
        assert!(
            !sent.iter().any(|one| one.ends_with("/create")),
            "{name:?}: {sent:?}"
        );
    }
}

#[tokio::test]
async fn volume_of_another_owner_is_not_taken() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let named = || VolumeOptions {
        on_daemon: Some("shop-data".to_owned()),
        ..kept(Some("mine"))
    };
    let theirs = engine_api::volumes::CreateVolume {
        name: "shop-data".to_owned(),
        ..Default::default()
    };
    let docker = Docker::with_connector(fake.clone());
    docker.volumes().create(theirs).await.unwrap();
    let error = engine.volumes().create(named()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(fake.resources().iter().any(|one| one.contains("shop-data")));
    docker
        .volumes()
        .remove("shop-data", Default::default())
        .await
        .unwrap();
    let volume = engine.volumes().create(named()).await.unwrap();
    assert_eq!(volume.on_daemon(), "shop-data");
    volume.remove().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
