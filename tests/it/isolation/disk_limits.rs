//! Disk limits on the fake engine: enforced by its storage, or compared with the size.

use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::{Command, Environment, EnvironmentSpec, EventKind, Manager, ResourceLimits, Status};
use serde_json::json;

use super::docker_engine::{IMAGE, create, on, settle, spec};

const LIMIT: u64 = 4096;

fn limited() -> EnvironmentSpec {
    EnvironmentSpec {
        limits: ResourceLimits {
            disk: Some(LIMIT),
            ..ResourceLimits::default()
        },
        ..spec()
    }
}

/// An engine whose storage may have quotas.
fn on_xfs() -> FakeEngine {
    let fake = FakeEngine::new().with_image(IMAGE);
    fake.set_info("DriverStatus", json!([["Backing Filesystem", "xfs"]]));
    fake
}

async fn write(environment: &Environment, bytes: usize) {
    let script = format!("printf %s {} >/file", "x".repeat(bytes));
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{}", output.stderr_text());
}

/// The size that the storage of the only container enforces.
async fn enforced(fake: &FakeEngine) -> Option<String> {
    let name = fake.snapshot().containers.pop_first().unwrap();
    let docker = Docker::with_connector(fake.clone());
    let found = docker
        .containers()
        .inspect(&name, Default::default())
        .await
        .unwrap();
    found.host_config.storage_opt.get("size").cloned()
}

async fn created(fake: &FakeEngine, manager: &Manager) -> (Environment, usize) {
    fake.reset();
    let environment = create(manager, limited()).await.unwrap();
    let requests = fake.requests();
    let probes = requests.iter().filter(|one| one.contains("disk-probe")).count();
    (environment, probes)
}

#[tokio::test(start_paused = true)]
async fn environment_above_its_disk_limit_is_ended() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let mut events = manager.subscribe();
    let (environment, probes) = created(&fake, &manager).await;
    assert_eq!((enforced(&fake).await, probes), (None, 0), "no quota without xfs");
    write(&environment, 4000).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(environment.status(), Status::Running);
    // While it is paused, no process writes, and nothing is measured.
    environment.pause().await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    fake.reset();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.requests(), [""; 0]);
    environment.unpause().await.unwrap();
    write(&environment, 5000).await;
    settle().await;
    assert_eq!(environment.inspect().await.unwrap().status, Status::Stopped);
    environment.destroy().await.unwrap();
    drop((environment, manager));
    let mut exceeded = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::DiskLimitExceeded { used, limit } = event.unwrap().kind {
            exceeded.push((used, limit));
        }
    }
    assert_eq!(exceeded, [(5000, LIMIT)]);
}

#[tokio::test(start_paused = true)]
async fn quota_of_the_storage_is_asked_for_once() {
    let fake = on_xfs();
    let manager = on(&fake);
    fake.reset();
    let full = Fault::internal_error("write /isolation-disk-probe: no space left on device");
    fake.fail_next("PUT", "/archive", full);
    let first = create(&manager, limited()).await.unwrap();
    assert_eq!(enforced(&fake).await, Some(LIMIT.to_string()));
    // The storage ends what writes too much, so nothing is measured.
    write(&first, 5000).await;
    settle().await;
    assert_eq!(first.status(), Status::Running);
    first.destroy().await.unwrap();
    let (second, probes) = created(&fake, &manager).await;
    assert_eq!((enforced(&fake).await, probes), (Some(LIMIT.to_string()), 0));
    second.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn storage_without_a_quota_is_measured() {
    // The storage takes two megabytes; it refuses the option; it fails otherwise, and is asked
    // again.
    let refused = Fault::Error {
        status: 400,
        message: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option".to_owned(),
    };
    let broken = Fault::internal_error("container rootfs is marked read-only");
    for (fault, again) in [
        (None, 0),
        (Some(("POST", "/containers/create", refused)), 0),
        (Some(("PUT", "/archive", broken)), 1),
    ] {
        let fake = on_xfs();
        let manager = on(&fake);
        if let Some((method, path, fault)) = fault.clone() {
            fake.fail_next(method, path, fault);
        }
        let first = create(&manager, limited()).await.unwrap();
        assert_eq!(enforced(&fake).await, None, "{fault:?}");
        first.destroy().await.unwrap();
        let (second, probes) = created(&fake, &manager).await;
        assert_eq!(probes > 0, again > 0, "{fault:?}");
        assert_eq!(enforced(&fake).await, None, "{fault:?}");
        write(&second, 5000).await;
        settle().await;
        assert_eq!(
            second.inspect().await.unwrap().status,
            Status::Stopped,
            "{fault:?}"
        );
        second.destroy().await.unwrap();
        assert_eq!(fake.resources(), [""; 0], "{fault:?}");
    }
}
