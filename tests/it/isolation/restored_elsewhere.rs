//! A snapshot of each engine, restored on each other one: it works, or the error says what does.

use engine_api::Docker;
use fake_engine::FakeEngine;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{
    Command, Destination, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, MigrateOptions,
    Registry,
};

use super::docker_engine::IMAGE;

/// The engines, each with the directory of a file that every migration moves.
fn specs() -> [(&'static str, EnvironmentSpec); 3] {
    let mut with_python = EnvironmentSpec::default();
    let options = VirtualenvOptions {
        without_pip: true,
        ..VirtualenvOptions::default()
    };
    options.add_to(&mut with_python);
    let in_container = EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        working_dir: Some("/work".to_owned()),
        ..EnvironmentSpec::default()
    };
    [
        ("basic", EnvironmentSpec::default()),
        ("virtualenv", with_python),
        ("docker", in_container),
    ]
}

async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    output.stdout_text().trim().to_owned()
}

/// The live tests have the pair of `docker` and `sandbox`, which needs programs that run.
#[tokio::test]
async fn snapshot_is_restored_or_refused_on_each_engine() {
    let (base, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let environments = base.path().join("environments");
    std::fs::create_dir(&environments).unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let before = fake.snapshot();
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(&environments)).unwrap();
    let python = VirtualenvEngine::below(&environments).with_cache(base.path().join("cache"));
    registry.register(python).unwrap();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(docker).unwrap();
    let manager = Manager::new(registry);
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    for (from, spec) in specs() {
        let choice = EngineChoice::Named(from.to_owned());
        let source = manager.create(&choice, spec).await.unwrap();
        sh(&source, "echo saved >state").await;
        let saved = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
        for (to, other) in specs() {
            let options = RestoreOptions {
                engine: Some(to.to_owned()),
                ..RestoreOptions::default()
            };
            let restored = manager.restore(&store, &saved.snapshot, options).await;
            if from == to {
                let restored = restored.unwrap().environment;
                assert_eq!(sh(&restored, "cat state").await, "saved", "{from}");
                restored.destroy().await.unwrap();
                continue;
            }
            let error = restored.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{from} to {to}: {error}");
            let hint = format!("isolate migrate ENVIRONMENT {to}");
            assert!(error.to_string().contains(&hint), "{from} to {to}: {error}");
            // As the error says.
            let options = MigrateOptions {
                image: other.image,
                accept_losses: true,
                ..MigrateOptions::default()
            };
            let moved = manager.migrate(&source, &Destination::engine(to), options).await;
            let moved = moved.unwrap().environment;
            assert_eq!(sh(&moved, "cat state").await, "saved", "{from} to {to}");
            moved.destroy().await.unwrap();
        }
        source.destroy().await.unwrap();
    }
    assert_eq!(fake.snapshot().since(&before), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(&environments).unwrap().count(), 0);
}
