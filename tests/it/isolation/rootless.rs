//! Limits on a daemon without root, whose control groups are those of its user.

use engine_api::Docker;
use engine_api::images::ImportImage;
use fake_engine::{FakeEngine, Fault};
use isolation::snapshots::{SnapshotOptions, SnapshotStore};
use isolation::{
    Command, EngineChoice, EnvironmentSpec, ErrorKind, EventKind, Feature, Main, Manager, ResourceLimits,
    Status, Subscription,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{create, on};

/// A daemon without root whose image has these files of a control group.
async fn rootless(files: &[(&str, &str)]) -> FakeEngine {
    let fake = FakeEngine::new();
    fake.set_info(
        "SecurityOptions",
        json!(["name=seccomp,profile=builtin", "name=rootless"]),
    );
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, text: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    };
    add("bin/sh", "");
    for (name, text) in files {
        add(&format!("sys/fs/cgroup/{name}"), text);
    }
    let import = ImportImage {
        repo: "grouped".to_owned(),
        tag: "latest".to_owned(),
        ..ImportImage::default()
    };
    let docker = Docker::with_connector(fake.clone());
    let imported = docker
        .images()
        .import(archive.into_inner().unwrap(), import)
        .await;
    imported.unwrap().last().await.unwrap();
    fake
}

const FILES: [(&str, &str); 4] = [
    ("cgroup.controllers", "cpu memory pids\n"),
    ("memory.max", "67108864\n"),
    ("pids.max", "50\n"),
    ("cpu.max", "50000 100000\n"),
];

fn limited() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some("grouped:latest".to_owned()),
        limits: ResourceLimits {
            memory: Some(64 << 20),
            pids: Some(50),
            cpus: Some(0.5),
            ..ResourceLimits::default()
        },
        ..EnvironmentSpec::default()
    }
}

/// The default limits that were ignored. The manager must have been dropped.
async fn ignored(mut events: Subscription) -> Vec<(Feature, String)> {
    let mut found = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::DefaultLimitIgnored { limit, reason } = event.unwrap().kind {
            found.push((limit, reason));
        }
    }
    found
}

async fn fails(manager: &Manager, spec: EnvironmentSpec) -> (Vec<Feature>, String) {
    let error = create(manager, spec).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{text}");
    (error.missing().iter().map(|one| one.feature).collect(), text)
}

#[tokio::test(start_paused = true)]
async fn limit_with_an_effect_is_accepted() {
    let fake = rootless(&FILES).await;
    let manager = on(&fake);
    let events = manager.subscribe();
    let environment = create(&manager, limited()).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let output = environment.run(Command::shell("echo here")).await.unwrap();
    assert_eq!(output.stdout_text(), "here\n");
    environment.destroy().await.unwrap();
    drop((environment, manager));
    assert_eq!(ignored(events).await, []);
}

#[tokio::test(start_paused = true)]
async fn limit_without_an_effect_is_an_error() {
    for (file, text, expected) in [
        ("memory.max", "max\n", Feature::MemoryLimit),
        ("pids.max", "100000\n", Feature::PidsLimit),
        ("cpu.max", "max 100000\n", Feature::CpuLimit),
    ] {
        let files = FILES.map(|(name, usual)| (name, if name == file { text } else { usual }));
        let fake = rootless(&files).await;
        let (missing, text) = fails(&on(&fake), limited()).await;
        assert_eq!(missing, [expected], "{text}");
        assert!(text.contains("without root") && text.contains(file), "{text}");
        assert_eq!(fake.snapshot().containers.len(), 0, "{file}");
    }
    // A controller that is not delegated has no file.
    let fake = rootless(&FILES[..3]).await;
    let (missing, text) = fails(&on(&fake), limited()).await;
    assert_eq!(missing, [Feature::CpuLimit], "{text}");
}

/// With root, the daemon enforces what it accepts, and nothing is read.
#[tokio::test(start_paused = true)]
async fn limits_of_a_daemon_with_root_are_not_read_inside() {
    let fake = rootless(&FILES[..1]).await;
    fake.set_info("SecurityOptions", json!(["name=seccomp,profile=builtin"]));
    let environment = create(&on(&fake), limited()).await.unwrap();
    environment.destroy().await.unwrap();
}

/// A group of an old version, or an image without a shell, shows nothing.
#[tokio::test(start_paused = true)]
async fn limits_that_cannot_be_read_are_accepted() {
    let fake = rootless(&[]).await;
    let environment = create(&on(&fake), limited()).await.unwrap();
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn capabilities_without_root_are_those_of_its_groups() {
    for (key, value, expected) in [
        ("MemoryLimit", json!(false), vec![Feature::MemoryLimit]),
        ("CpuCfsQuota", json!(false), vec![Feature::CpuLimit]),
        ("PidsLimit", json!(false), vec![Feature::PidsLimit]),
        (
            "CgroupDriver",
            json!("none"),
            vec![Feature::MemoryLimit, Feature::CpuLimit, Feature::PidsLimit],
        ),
    ] {
        let fake = rootless(&FILES).await;
        fake.set_info(key, value);
        let manager = on(&fake);
        let docker = EngineChoice::Named("docker".to_owned());
        let error = manager.create(&docker, limited()).await.unwrap_err();
        let missing: Vec<_> = error.missing().iter().map(|one| one.feature).collect();
        assert_eq!(missing, expected, "{key}: {}", chain(&error));
        assert!(chain(&error).contains("without root"), "{}", chain(&error));
        assert_eq!(fake.snapshot().containers.len(), 0, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn default_limit_without_an_effect_is_an_event() {
    let files = FILES.map(|(name, usual)| (name, if name == "pids.max" { "max\n" } else { usual }));
    let fake = rootless(&files).await;
    let manager = on(&fake);
    let events = manager.subscribe();
    // The hardened profile has limits by default.
    let hardened = EnvironmentSpec {
        image: Some("grouped:latest".to_owned()),
        security: serde_json::from_value(json!({"profile": "hardened"})).unwrap(),
        main: Main::Idle,
        ..EnvironmentSpec::default()
    };
    let environment = create(&manager, hardened).await;
    let environment = environment.unwrap_or_else(|error| panic!("{}", chain(&error)));
    environment.destroy().await.unwrap();
    drop((environment, manager));
    let ignored = ignored(events).await;
    let pids = ignored.iter().filter(|(limit, _)| *limit == Feature::PidsLimit);
    assert_eq!(pids.count(), 1, "{ignored:?}");
}

/// A daemon without control groups, as Docker without root on a machine with version 1.
async fn ungrouped() -> FakeEngine {
    let fake = rootless(&[]).await;
    fake.set_info("CgroupDriver", json!("none"));
    fake
}

fn unlimited() -> EnvironmentSpec {
    EnvironmentSpec {
        limits: ResourceLimits::default(),
        ..limited()
    }
}

/// The messages are those of Docker 20.10 without root.
#[tokio::test(start_paused = true)]
async fn request_that_needs_groups_is_unsupported() {
    const PAUSE: &str = "Cannot pause container 4f: OCI runtime pause failed: cannot toggle freezer: \
                         cgroups not configured for container: unknown";
    const TOP: &str = "runc did not terminate successfully: exit status 1: unable to get all container \
                       pids: lstat : no such file or directory\n: unknown";
    for grouped in [false, true] {
        let fake = ungrouped().await;
        if grouped {
            fake.set_info("CgroupDriver", json!("systemd"));
        }
        let manager = on(&fake);
        let environment = create(&manager, unlimited()).await.unwrap();
        for (feature, method, path, message) in [
            (Feature::Pause, "POST", "/pause", PAUSE),
            (Feature::Processes, "GET", "/top", TOP),
        ] {
            fake.fail_next(method, path, Fault::internal_error(message));
            let error = match feature {
                Feature::Pause => environment.pause().await.unwrap_err(),
                _ => environment.processes().await.map(drop).unwrap_err(),
            };
            let text = chain(&error);
            match grouped {
                // It has another reason then.
                true => assert_eq!(error.kind(), ErrorKind::Engine, "{text}"),
                false => {
                    assert_eq!(error.missing()[0].feature, feature, "{text}");
                    assert!(
                        text.contains("no control groups, because it runs without root"),
                        "{text}"
                    );
                }
            }
            assert_eq!(environment.status(), Status::Running);
        }
        environment.destroy().await.unwrap();
    }
}

/// Docker then reports the usage of the whole machine.
#[tokio::test(start_paused = true)]
async fn usage_without_groups_is_not_reported() {
    let fake = ungrouped().await;
    let manager = on(&fake);
    let environment = create(&manager, unlimited()).await.unwrap();
    let error = environment.metrics().await.unwrap_err();
    assert_eq!(error.missing()[0].feature, Feature::Metrics, "{}", chain(&error));
    let asked = fake.requests();
    assert!(!asked.iter().any(|one| one.contains("/stats")), "{asked:?}");
    environment.destroy().await.unwrap();
}

/// Docker without root accepts it without a warning, and it has no effect.
#[tokio::test(start_paused = true)]
async fn block_io_limit_without_groups_is_an_error() {
    let fake = ungrouped().await;
    let mut spec = unlimited();
    spec.limits = serde_json::from_value(json!({"block_io": {"weight": 300}})).unwrap();
    let docker = EngineChoice::Named("docker".to_owned());
    let error = on(&fake).create(&docker, spec).await.unwrap_err();
    assert_eq!(
        error.missing()[0].feature,
        Feature::BlockIoLimits,
        "{}",
        chain(&error)
    );
    assert_eq!(fake.snapshot().containers.len(), 0);
}

/// As with other engines that cannot pause, the processes run during the snapshot.
#[tokio::test]
async fn snapshot_without_groups_is_made_while_it_runs() {
    let kept = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let fake = ungrouped().await;
    let manager = on(&fake);
    let environment = create(&manager, unlimited()).await.unwrap();
    let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
    saved.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(environment.status(), Status::Running);
    let asked = fake.requests();
    assert!(!asked.iter().any(|one| one.ends_with("/pause")), "{asked:?}");
    environment.destroy().await.unwrap();
}
