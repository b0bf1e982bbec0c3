use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

use isolation::engines::basic::BasicEngine;
use isolation::snapshots::{Change, OnProgress, RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, ForkOptions, Manager, Registry,
};
use tempfile::TempDir;

/// A manager, its directories, and a store.
struct Fixture {
    base: TempDir,
    _store: TempDir,
    store: SnapshotStore,
    manager: Manager,
}

impl Fixture {
    fn new() -> Self {
        let (base, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut registry = Registry::new();
        registry.register(BasicEngine::below(base.path())).unwrap();
        Self {
            base,
            store: SnapshotStore::open(Some(store.path())).unwrap(),
            _store: store,
            manager: Manager::new(registry),
        }
    }

    async fn create(&self) -> Environment {
        let spec = EnvironmentSpec {
            env: [("TOKEN", "hunter2")].into(),
            ..EnvironmentSpec::default()
        };
        self.manager.create(&EngineChoice::Auto, spec).await.unwrap()
    }

    fn root(&self, environment: &Environment) -> PathBuf {
        self.base
            .path()
            .join(format!("isolation-basic-{}/root", environment.id()))
    }
}

async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{script}: {}", output.stderr_text());
    output.stdout_text().trim_end().to_owned()
}

/// Everything that a restore must bring back, as `tar` and `stat` see it.
fn described(root: &Path) -> String {
    let script = "find . | LC_ALL=C sort | while read -r f; do stat -c '%n %F %a %u:%g %s %y %h' \"$f\"; \
                  test -f \"$f\" && sha256sum <\"$f\"; test -L \"$f\" && readlink \"$f\"; done; true";
    let output = process::Command::new("sh")
        .args(["-c", script])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

const FILES: &str = "mkdir -p a/b && echo one >a/f && ln a/f a/g && ln -s f a/l && chmod 4711 a/f && \
                     touch -d @100.5 a/b && mkfifo p && head -c 200000 /dev/urandom >a/noise";

#[tokio::test]
async fn chain_of_snapshots_restores_each_state() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    let root = fixture.root(&environment);
    let mut states = Vec::new();
    for script in [
        FILES,
        "echo two >>a/f && rm a/l && mkdir new && mv a/noise new/moved",
        "true",
        "rm -r new p && ln a/f again && chmod 700 a/b",
        // The file keeps its other names.
        "rm a/f",
    ] {
        sh(&environment, script).await;
        let saved = environment
            .snapshot(&fixture.store, SnapshotOptions::default())
            .await
            .unwrap();
        let full = SnapshotOptions {
            full: true,
            ..SnapshotOptions::default()
        };
        let whole = environment.snapshot(&fixture.store, full).await.unwrap();
        assert_eq!(whole.snapshot.manifest.parent, None);
        let differs = fixture
            .store
            .diff(&saved.snapshot, &whole.snapshot)
            .await
            .unwrap();
        assert!(
            differs.files.is_empty(),
            "an increment is what a full one is: {differs:?}"
        );
        states.push((saved.snapshot, described(&root)));
    }
    assert!(states[1].0.manifest.parent.is_some());
    // In the middle of the chain.
    fixture.store.remove(&states[1].0.id).unwrap();
    fixture.store.gc().unwrap();
    for (number, (snapshot, state)) in states.iter().enumerate().filter(|(number, _)| *number != 1) {
        let restored = fixture
            .manager
            .restore(&fixture.store, snapshot, RestoreOptions::default())
            .await;
        let restored = restored.unwrap();
        assert_eq!(restored.missing_variables, ["TOKEN"]);
        let found = described(&fixture.root(&restored.environment));
        assert_eq!(found, *state, "state {number}");
        restored.environment.destroy().await.unwrap();
    }
    let changes = fixture.store.diff(&states[0].0, &states[3].0).await.unwrap();
    let of = |path: &str| {
        let found = changes.files.iter().find(|one| one.path.to_string() == path);
        found.map(|one| one.change)
    };
    assert_eq!(of("/a/f"), Some(Change::Content));
    assert_eq!(of("/again"), Some(Change::Added));
    assert_eq!(of("/p"), Some(Change::Removed));
    assert_eq!(of("/a/b"), Some(Change::Attributes));
    environment.destroy().await.unwrap();
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

/// Damages the last chunk of each pack: the list of the files of a snapshot.
fn damage_lists(store: &SnapshotStore) {
    for pack in fs::read_dir(store.path().join("packs")).unwrap() {
        let path = pack.unwrap().path();
        let mut content = fs::read(&path).unwrap();
        let footer = content.len() - 48;
        let count = u64::from_le_bytes(content[footer + 32..footer + 40].try_into().unwrap());
        let index = footer - 48 * usize::try_from(count).unwrap();
        content[index - 1] ^= 1;
        fs::write(&path, content).unwrap();
    }
}

#[tokio::test]
async fn damaged_parent_is_not_built_upon() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    sh(&environment, FILES).await;
    let options = SnapshotOptions::default;
    let first = environment
        .snapshot(&fixture.store, options())
        .await
        .unwrap()
        .snapshot;
    damage_lists(&fixture.store);
    let named = SnapshotOptions {
        parent: Some(first.id),
        ..options()
    };
    let error = environment.snapshot(&fixture.store, named).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let second = environment
        .snapshot(&fixture.store, options())
        .await
        .unwrap()
        .snapshot;
    assert_eq!(second.manifest.parent, None);
    let (store, snapshot) = (&fixture.store, &second);
    let restored = fixture
        .manager
        .restore(store, snapshot, RestoreOptions::default())
        .await;
    let restored = restored.unwrap().environment;
    assert_eq!(
        described(&fixture.root(&restored)),
        described(&fixture.root(&environment))
    );
    restored.destroy().await.unwrap();
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn unchanged_file_is_not_read_again() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    sh(&environment, FILES).await;
    environment
        .snapshot(&fixture.store, SnapshotOptions::default())
        .await
        .unwrap();
    let second = environment
        .snapshot(&fixture.store, SnapshotOptions::default())
        .await
        .unwrap();
    assert!(second.added < 5000, "{} bytes", second.added);
    // A file whose size and time were put back is read all the same.
    let script = "touch -r a/noise time && printf X | dd of=a/noise conv=notrunc 2>/dev/null && \
                  touch -r time a/noise && rm time";
    sh(&environment, script).await;
    let third = environment
        .snapshot(&fixture.store, SnapshotOptions::default())
        .await
        .unwrap();
    let changes = fixture
        .store
        .diff(&second.snapshot, &third.snapshot)
        .await
        .unwrap()
        .files;
    assert!(
        changes.iter().any(|one| one.path.to_string() == "/a/noise"),
        "{changes:?}"
    );
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn secret_is_in_no_file_of_the_store() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    let progress = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&progress);
    let options = SnapshotOptions {
        name: Some("named".into()),
        progress: OnProgress::new(move |now| *seen.lock().unwrap() = now.entries),
        ..SnapshotOptions::default()
    };
    let saved = environment
        .snapshot(&fixture.store, options)
        .await
        .unwrap()
        .snapshot;
    assert_eq!(*progress.lock().unwrap(), saved.manifest.parts[0].entries);
    let text = serde_json::to_string(&saved).unwrap();
    assert!(text.contains("TOKEN") && !text.contains("hunter2"), "{text}");
    let mut archive = Vec::new();
    fixture.store.export(&saved, &mut archive).unwrap();
    assert!(!archive.windows(7).any(|part| part == b"hunter2"));
    let env = [("TOKEN", "other")].into();
    let options = RestoreOptions {
        env,
        name: Some("again".into()),
        ..RestoreOptions::default()
    };
    let restored = fixture
        .manager
        .restore(&fixture.store, &saved, options)
        .await
        .unwrap();
    assert!(restored.missing_variables.is_empty());
    assert_eq!(restored.environment.name(), "again");
    assert_eq!(sh(&restored.environment, "echo $TOKEN").await, "other");
    let wanted = SnapshotOptions {
        parent: Some(saved.id),
        ..SnapshotOptions::default()
    };
    let error = restored
        .environment
        .snapshot(&fixture.store, wanted)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn damaged_snapshot_leaves_no_environment() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    sh(&environment, FILES).await;
    let saved = environment
        .snapshot(&fixture.store, SnapshotOptions::default())
        .await
        .unwrap();
    environment.destroy().await.unwrap();
    let pack = fs::read_dir(fixture.store.path().join("packs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut content = fs::read(&pack).unwrap();
    content[100_000] ^= 1;
    fs::write(&pack, content).unwrap();
    let restored = fixture
        .manager
        .restore(&fixture.store, &saved.snapshot, RestoreOptions::default())
        .await;
    let error = restored.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let text = error.to_string();
    let id = saved.snapshot.id.short();
    assert!(
        text.starts_with(&format!("cannot restore the snapshot {id}: ")),
        "{text}"
    );
    assert!(
        text.contains("is damaged") && text.contains("isolate snapshot rm"),
        "{text}"
    );
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn forks_have_files_of_their_own() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    sh(&environment, FILES).await;
    let root = fixture.root(&environment);
    let before = described(&root);
    let forks = fixture.manager.fork(&environment, 2, ForkOptions::default());
    let forks = forks.await.unwrap();
    for fork in &forks {
        assert_eq!(described(&fixture.root(fork)), before);
        assert_eq!(sh(fork, "echo $TOKEN").await, "hunter2");
    }
    // A name of a file in a fork is one of the fork's own file.
    sh(&forks[0], "echo changed >>a/g && echo new >new").await;
    assert_eq!(sh(&forks[0], "cat a/f").await, "one\nchanged");
    assert_eq!(sh(&forks[1], "cat a/g && ls").await, "one\na\nhome\np\ntmp");
    assert_eq!(described(&root), before);
    let inode = |at: &Path| fs::metadata(at.join("a/f")).unwrap().ino();
    assert_ne!(inode(&root), inode(&fixture.root(&forks[1])));
    for count in [0, 101] {
        let forked = fixture.manager.fork(&environment, count, ForkOptions::default());
        let error = forked.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    drop(forks);
    environment.destroy().await.unwrap();
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn prepared_forks_have_the_state_of_their_preparation() {
    let fixture = Fixture::new();
    let environment = fixture.create().await;
    sh(&environment, FILES).await;
    let forks = fixture
        .manager
        .prepare_forks(&environment, 2, ForkOptions::default())
        .await
        .unwrap();
    assert_eq!(forks.ready(), 2);
    sh(&environment, "echo later >>a/f").await;
    environment.destroy().await.unwrap();
    let mut taken = Vec::new();
    for number in 0..4 {
        let fork = forks.take().await.unwrap();
        assert_eq!(
            sh(&fork, "cat a/g; echo $TOKEN").await,
            "one\nhunter2",
            "{number}"
        );
        sh(&fork, "echo mine >>a/f").await;
        taken.push(fork);
    }
    drop(forks);
    for fork in &taken {
        assert_eq!(sh(fork, "cat a/g").await, "one\nmine");
    }
    drop(taken);
    for _ in 0..200 {
        if fs::read_dir(fixture.base.path()).unwrap().count() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("something is left");
}

/// Its specification is that of somebody else.
#[tokio::test]
async fn imported_snapshot_runs_programs_if_trusted() {
    let fixture = Fixture::new();
    let check = r#"{"ready": {"wait_for": {"command": {"argv": ["sh", "-c", "echo ran >ran"]}}}}"#;
    let spec = EnvironmentSpec::from_json(check).unwrap();
    let made = fixture.manager.create(&EngineChoice::Auto, spec).await.unwrap();
    let saved = made.snapshot(&fixture.store, SnapshotOptions::default()).await;
    made.destroy().await.unwrap();
    let mut snapshot = saved.unwrap().snapshot;
    snapshot.imported = true;
    let mut options = RestoreOptions::default();
    let restored = fixture
        .manager
        .restore(&fixture.store, &snapshot, options.clone());
    let error = restored.await.unwrap_err();
    assert!(
        error.to_string().contains("run \"sh\" on this machine"),
        "{error}"
    );
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
    options.trust = true;
    let restored = fixture.manager.restore(&fixture.store, &snapshot, options);
    assert_eq!(sh(&restored.await.unwrap().environment, "cat ran").await, "ran");
}
