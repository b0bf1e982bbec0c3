//! Bundles of failed creations on the fake engine: nothing exists that could be inspected.

use std::path::Path;

use engine_api::Docker;
use fake_engine::FakeEngine;
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, EnvironmentSpec, ErrorKind, EventKind, LikelyCause, Main, Manager, ManagerOptions, Registry,
    Subscription, diagnose,
};
use tests::chain;

use super::docker_engine::{create, spec};

const SECRET: &str = "the-value-that-no-file-may-contain";

fn manager(fake: &FakeEngine, bundles: &Path) -> Manager {
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        bundle_directory: Some(bundles.to_owned()),
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

/// A specification whose image does not exist.
fn without_image() -> EnvironmentSpec {
    let mut main = Command::shell("serve");
    main.env.insert("PASSWORD".into(), format!("{SECRET}-2"));
    EnvironmentSpec {
        name: Some("web app".to_owned()),
        image: Some("no-such:1".to_owned()),
        env: [("TOKEN", format!("{SECRET}-1"))].into(),
        main: Main::Command(main),
        ..EnvironmentSpec::default()
    }
}

/// The next event that is about a bundle.
async fn event(events: &mut Subscription) -> EventKind {
    loop {
        let kind = events.next().await.unwrap().unwrap().kind;
        let is_failure =
            matches!(&kind, EventKind::Failed { operation, .. } if operation == "write the bundle");
        if is_failure || matches!(kind, EventKind::BundleWritten { .. }) {
            return kind;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_creation_has_a_bundle_without_values() {
    let fake = FakeEngine::new();
    let to = tempfile::tempdir().unwrap();
    let manager = manager(&fake, to.path());
    let mut events = manager.subscribe();
    let error = create(&manager, without_image()).await.unwrap_err();
    let evidence = error.evidence().unwrap();
    assert_eq!(evidence.image.as_deref(), Some("no-such:1"));
    assert_eq!(
        diagnose(evidence).cause,
        LikelyCause::ImageMissing,
        "{}",
        chain(&error)
    );
    let EventKind::BundleWritten { directory } = event(&mut events).await else {
        panic!("the bundle was not written");
    };
    let directory = Path::new(&directory);
    assert_eq!(directory.parent(), Some(to.path()));
    let mut texts = String::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        texts.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(!texts.contains(SECRET), "{texts}");
    assert!(texts.contains("TOKEN") && texts.contains("no-such:1"), "{texts}");
    let page = std::fs::read_to_string(directory.join("README.md")).unwrap();
    assert!(page.contains("# web app"), "{page}");
    assert!(page.contains(LikelyCause::ImageMissing.hint()), "{page}");
}

#[tokio::test(start_paused = true)]
async fn bundle_that_cannot_be_written_is_an_event() {
    let fake = FakeEngine::new();
    let to = tempfile::tempdir().unwrap();
    let file = to.path().join("file");
    std::fs::write(&file, "").unwrap();
    let manager = manager(&fake, &file);
    let mut events = manager.subscribe();
    let error = create(&manager, without_image()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    let EventKind::Failed { message, .. } = event(&mut events).await else {
        panic!("the bundle was written");
    };
    assert!(message.contains(file.to_str().unwrap()), "{message}");
    // Invalid input explains itself.
    let invalid = EnvironmentSpec {
        working_dir: Some("a\0b".to_owned()),
        ..spec()
    };
    let error = create(&manager, invalid).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    drop(manager);
    while let Some(next) = events.next().await {
        let kind = next.unwrap().kind;
        assert!(!matches!(&kind, EventKind::Failed { operation, .. } if operation == "write the bundle"));
    }
}
