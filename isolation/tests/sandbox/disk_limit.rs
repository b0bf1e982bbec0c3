//! Disk limits, which are supervised.

use std::time::Duration;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{
    Command, DiskLimitKind, Engine, EngineChoice, Environment, EnvironmentSpec, EventKind, Mount,
    ResourceLimits, Status, Subscription,
};
use tar::Builder;

use crate::images::{WithImage, append, programs, saved};
use crate::support::{Fixture, as_ordinary_user, as_user_with_others, printed};

const LONG: Duration = Duration::from_secs(300);

const LIMIT: u64 = 4 << 20;

pub(crate) fn limited(image: Option<&str>) -> EnvironmentSpec {
    EnvironmentSpec {
        image: image.map(str::to_owned),
        limits: ResourceLimits {
            disk: Some(LIMIT),
            ..ResourceLimits::default()
        },
        ..EnvironmentSpec::default()
    }
}

/// A layer with two files without holes, of eight and of six mebibytes.
fn files() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, mebibytes) in [("data/large", 8), ("data/part", 6)] {
        append(&mut builder, name, &vec![b'x'; mebibytes << 20], 0o644);
    }
    builder.into_inner().unwrap()
}

/// An image with more files than the limit allows.
pub(crate) fn large_image() -> Vec<u8> {
    saved(&[programs(), files()], r#"{"Env":["PATH=/bin"]}"#, "large:1")
}

/// Runs a script that writes more than the limit, and then waits. Returns the size that was found.
pub(crate) async fn stopped_by(environment: &Environment, events: &mut Subscription, script: &str) -> u64 {
    let waiting = Command::shell(format!("{script}; sleep 1000"));
    let run = tokio::time::timeout(LONG, environment.run(waiting)).await;
    // The command may end before the environment does, or with it.
    let ended = run.unwrap();
    assert!(!ended.is_ok_and(|output| output.exit.success()));
    let exceeded = async {
        loop {
            let event = events.next().await.unwrap().unwrap();
            if let EventKind::DiskLimitExceeded { used, limit } = event.kind {
                assert_eq!(limit, LIMIT);
                return used;
            }
        }
    };
    let used = tokio::time::timeout(LONG, exceeded).await.unwrap();
    let stopped = async {
        while environment.inspect().await.unwrap().status != Status::Stopped {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, stopped).await.unwrap();
    let why = environment.stopped_because().unwrap();
    assert!(why.contains("more than the disk limit of 4194304"), "{why}");
    assert!(used > LIMIT, "{used}");
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environment_above_its_disk_limit_is_stopped() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let engine = SandboxEngine::below(fixture.base.path());
    let values = engine.probe().await.capabilities.values().clone();
    assert_eq!(values.disk_limit, Some(DiskLimitKind::Supervised));
    // Commands, files that a command closes to the caller, and the first write of a new start.
    let closed = "mkdir /tmp/closed; exec 3>/tmp/closed/file; chmod 000 /tmp/closed; \
                  head -c 6000000 /dev/urandom >&3";
    let mut events = fixture.manager.subscribe();
    let environment = fixture.create(limited(None)).await.unwrap();
    environment.start().await.unwrap();
    assert_eq!(
        printed(&environment, "head -c 1000000 /dev/urandom >/x; echo $?").await,
        "0"
    );
    let details = environment.inspect().await.unwrap().details;
    assert!(details["disk_limit"].contains("supervised"), "{details:?}");
    stopped_by(&environment, &mut events, closed).await;
    environment.start().await.unwrap();
    stopped_by(&environment, &mut events, "true").await;
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[test]
fn disk_limit_as_an_ordinary_user() {
    as_ordinary_user("disk_limit::environment_above_its_disk_limit_is_stopped");
}

#[test]
fn disk_limit_as_a_user_with_others() {
    as_user_with_others("disk_limit::environment_above_its_disk_limit_is_stopped");
}

/// The files of the image are not counted, nor is what a temporary file system in memory has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_the_image_do_not_count() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    fixture.import(&large_image()).await.unwrap();
    let mut events = fixture.manager.subscribe();
    let mut spec = limited(Some("large:1"));
    spec.mounts = vec![Mount::tmpfs("/memory", None)];
    let environment = fixture.manager.create(&EngineChoice::Auto, spec).await.unwrap();
    environment.start().await.unwrap();
    let script = "cat /data/large >/memory/large; cat /data/part >/data/copy";
    let used = stopped_by(&environment, &mut events, script).await;
    assert!(used < 7 << 20, "{used}");
    environment.destroy().await.unwrap();
}
