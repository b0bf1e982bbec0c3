//! The second snapshot of a container reads only what has changed.

use fake_engine::FakeEngine;
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{Command, Environment};

use super::docker_engine::{IMAGE, asked, create, on, spec};

async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    output.stdout_text()
}

#[tokio::test]
async fn second_snapshot_of_a_container_reads_what_changed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let kept = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let source = create(&manager, spec()).await.unwrap();
    sh(
        &source,
        "mkdir /data; echo one >/data/same; echo two >/data/changed",
    )
    .await;
    let mut saved = Vec::new();
    for exports in [1, 0] {
        fake.reset();
        let snapshot = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
        saved.push(snapshot.snapshot);
        assert_eq!(asked(&fake, "GET", "/export"), exports, "{:#?}", fake.requests());
        sh(&source, "echo three >/data/changed; echo four >/data/added").await;
    }
    for (snapshot, expected) in saved.iter().zip(["one\ntwo\n", "one\nthree\nfour\n"]) {
        let restored = manager.restore(&store, snapshot, RestoreOptions::default()).await;
        let restored = restored.unwrap().environment;
        let script = "cd /data; cat same changed; [ ! -e added ] || cat added";
        assert_eq!(sh(&restored, script).await, expected);
        restored.destroy().await.unwrap();
    }
    source.destroy().await.unwrap();
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
