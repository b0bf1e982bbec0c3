use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::{
    Command, EnvironmentSpec, ErrorKind, EventKind, Manager, ManagerOptions, Registry, Subscription, WaitFor,
};

const SECRET: &str = "the-value-that-no-file-may-contain";

fn manager(base: &Path, bundle_directory: Option<&Path>) -> Manager {
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base)).unwrap();
    let options = ManagerOptions {
        bundle_directory: bundle_directory.map(Path::to_owned),
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

/// The files of a directory, by name.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[tokio::test]
async fn bundle_names_the_cause_and_shows_no_value() {
    let base = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let manager = manager(base.path(), None);
    let spec = EnvironmentSpec {
        name: Some("tried".into()),
        env: [("TOKEN".to_owned(), SECRET.to_owned())].into(),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&"basic".parse().unwrap(), spec).await.unwrap();
    environment.start().await.unwrap();
    environment.run(Command::shell("echo first")).await.unwrap();
    let fails = Command::shell("echo \"token $TOKEN\"; echo '~~~~~~' >&2; no-such-program-at-all");
    let output = environment.run(fails).await.unwrap();
    assert_eq!(output.exit.code, 127);

    let directory = to.path().join("bundle");
    environment.bundle(&directory).await.unwrap();
    let files = files(&directory);
    for (name, text) in &files {
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
    let commands = &files["commands.txt"];
    assert!(commands.contains("stdout: first"), "{commands}");
    assert!(commands.contains("exit code 127"), "{commands}");
    assert_eq!(files["commands.jsonl"].lines().count(), 2);
    let page = &files["README.md"];
    assert!(
        page.contains("# tried") && page.contains("no-such-program-at-all"),
        "{page}"
    );
    // Output does not end its block.
    assert!(page.contains("\n~~~~~~~text\n"), "{page}");
    for name in ["spec.json", "state.json", "events.jsonl"] {
        assert!(
            page.contains(&format!("- `{name}`")) && files.contains_key(name),
            "{page}"
        );
    }

    let error = environment.bundle(&directory).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn failure_writes_a_bundle_of_its_environment() {
    let base = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let manager = manager(base.path(), Some(to.path()));
    let spec = EnvironmentSpec {
        name: Some("failing".into()),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&"basic".parse().unwrap(), spec).await.unwrap();
    environment.start().await.unwrap();
    environment
        .run(Command::shell("echo last words; exit 9"))
        .await
        .unwrap();
    let condition = WaitFor::File("never".into());
    let waited = environment
        .wait_until(&condition, Duration::from_millis(50))
        .await;
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::Timeout);
    environment.destroy().await.unwrap();
    let written: Vec<_> = fs::read_dir(to.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [directory] = &written[..] else {
        panic!("{written:?}")
    };
    assert!(directory.to_str().unwrap().ends_with("-failing"), "{directory:?}");
    let page = &files(directory)["README.md"];
    assert!(page.contains("## Error") && page.contains("last words"), "{page}");
}

/// The events about bundles.
async fn about_bundles(manager: Manager, mut events: Subscription) -> Vec<String> {
    drop(manager);
    let mut found = Vec::new();
    while let Some(event) = events.next().await {
        match event.unwrap().kind {
            EventKind::BundleWritten { directory } => found.push(directory),
            EventKind::Failed {
                operation, message, ..
            } if operation.contains("bundle") => found.push(message),
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn bundle_that_cannot_be_written_is_an_event() {
    let base = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let file = to.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for (parent, word) in [(to.path(), "web"), (file.as_path(), "file")] {
        let manager = manager(base.path(), Some(parent));
        let events = manager.subscribe();
        let spec = EnvironmentSpec {
            name: Some("web".into()),
            ..EnvironmentSpec::default()
        };
        let environment = manager.create(&"basic".parse().unwrap(), spec).await.unwrap();
        let waits = WaitFor::File("never".into());
        let limit = Duration::from_millis(50);
        let error = environment.wait_until(&waits, limit).await.unwrap_err();
        // The failure itself is returned in both cases.
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        environment.destroy().await.unwrap();
        drop(environment);
        let said = about_bundles(manager, events).await;
        assert!(said.len() == 1 && said[0].contains(word), "{said:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[tokio::test]
async fn bundle_in_a_directory_has_a_name_of_its_own() {
    let base = tempfile::tempdir().unwrap();
    let to = tempfile::tempdir().unwrap();
    let manager = manager(base.path(), None);
    let spec = EnvironmentSpec {
        name: Some("web".into()),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&"basic".parse().unwrap(), spec).await.unwrap();
    environment.run(Command::shell("exit 3")).await.unwrap();
    assert_eq!(environment.commands().len(), 1);
    environment.metrics().await.unwrap();
    assert_eq!(environment.metrics_history().len(), 1);
    let directory = environment.bundle_in(to.path()).await.unwrap();
    assert!(directory.starts_with(to.path()) && directory.to_str().unwrap().contains("web"));
    assert!(files(&directory)["commands.txt"].contains("exit code 3"));
    let error = environment.bundle_in(base.path().join("a\0b")).await.unwrap_err();
    assert!(error.to_string().contains("bundle"), "{error}");
    environment.destroy().await.unwrap();
}
