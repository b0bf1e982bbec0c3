use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::{
    Command, CopySource, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, Registry, Status,
    conformance,
};

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn manager(base: &Path) -> Manager {
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base)).unwrap();
    Manager::new(registry)
}

async fn active(manager: &Manager) -> Environment {
    let created = manager.create(&EngineChoice::Auto, EnvironmentSpec::default());
    created.await.unwrap()
}

/// Waits until the process is gone, without a timeout: the test runner reports a test that hangs.
async fn until_gone(pid: &str) {
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with(['R', 'S', 'D', 'T']))
    };
    while runs() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_passes_the_conformance_checks() {
    let base = tempfile::tempdir().unwrap();
    let engine = Arc::new(BasicEngine::below(base.path()));
    let report = conformance::check(engine, &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn engine_passes_the_checks_on_one_thread() {
    let base = tempfile::tempdir().unwrap();
    let report = conformance::check(
        Arc::new(BasicEngine::below(base.path())),
        &EnvironmentSpec::default,
    )
    .await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

/// `MODEL_SEED=7` repeats the walk with this seed.
#[tokio::test]
async fn random_walk_agrees_with_the_model() {
    let base = tempfile::tempdir().unwrap();
    let given = std::env::var("MODEL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    for seed in [1, given.unwrap_or_else(|| time.into())] {
        let engine = Arc::new(BasicEngine::below(base.path()));
        let walked = conformance::walk(engine, &EnvironmentSpec::default, seed, 200).await;
        walked.unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(entries(base.path()), 0, "something is left");
    }
}

#[tokio::test]
async fn command_gets_a_private_home_and_few_variables() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    // Without a shell, which adds variables of its own.
    let output = environment
        .run(Command::new(["env"]))
        .await
        .unwrap()
        .stdout_text();
    let mut names: Vec<&str> = output.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    let expected = [
        "HOME",
        "ISOLATION_ENVIRONMENT",
        "ISOLATION_ROOT",
        "LANG",
        "PATH",
        "TMPDIR",
    ];
    assert_eq!(names, expected);
    let script = "ls -ld \"$HOME\" \"$TMPDIR\" | cut -c1-10; pwd";
    let output = environment
        .run(Command::shell(script))
        .await
        .unwrap()
        .stdout_text();
    let rest: Vec<&str> = output.lines().collect();
    assert_eq!(&rest[..2], ["drwx------", "drwx------"]);
    let directory = base
        .path()
        .canonicalize()
        .unwrap()
        .join(format!("isolation-basic-{}", environment.id()));
    assert_eq!(Path::new(rest[2]), directory.join("root"));
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn directory_and_options_of_an_engine_are_checked() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let spec = EnvironmentSpec::from_json(r#"{"engine_options": {"basic": {}}}"#).unwrap();
    let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
    let mut command = Command::new(["true"]);
    command.working_dir = Some("missing".into());
    let error = environment.run(command).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(text.contains("missing does not exist"), "{text}");
    // A pipe is neither a file nor a directory, and nothing is below a file.
    environment
        .run(Command::shell("mkfifo pipe; touch file"))
        .await
        .unwrap();
    let kind = environment.file_kind("pipe").await.unwrap();
    assert_eq!(kind, Some(isolation::FileKind::Other));
    assert_eq!(environment.file_kind("file/below").await.unwrap(), None);
    environment.destroy().await.unwrap();
}

/// Another process that opens the environment needs the values.
#[tokio::test]
async fn variables_are_only_in_a_private_file() {
    let base = tempfile::tempdir().unwrap();
    let spec = EnvironmentSpec {
        env: [("TOKEN", "canary-in-a-variable")].into(),
        ..EnvironmentSpec::default()
    };
    let manager = manager(base.path());
    let environment = manager.create(&EngineChoice::Auto, spec).await.unwrap();
    let directory = base.path().join(format!("isolation-basic-{}", environment.id()));
    let note = directory.join("environment.json");
    assert_eq!(note.metadata().unwrap().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&note).unwrap().contains("canary"));
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
    assert!(!format!("{environment:?}").contains("canary"));
}

#[tokio::test]
async fn environment_is_listed_with_its_creation() {
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let base = tempfile::tempdir().unwrap();
    let (manager, before) = (manager(base.path()), now());
    let environment = active(&manager).await;
    let created = async || manager.registry().list().await.0[0].created.unwrap();
    let first = created().await;
    assert!((before..=now()).contains(&first), "{first}");
    // A later note, and one of another process, keep it.
    environment.stop(Duration::ZERO).await.unwrap();
    let other = self::manager(base.path());
    let opened = other.open(environment.id().as_str()).await.unwrap();
    // The clock of a note that is written now would show another second.
    while now() == first {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    opened.rename("renamed").await.unwrap();
    assert_eq!(created().await, first);
}

#[tokio::test]
async fn damaged_note_is_reported_and_not_listed() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let note = base
        .path()
        .join(format!("isolation-basic-{}/environment.json", environment.id()));
    fs::write(note, "{\"id\": ").unwrap();
    let error = environment.inspect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(manager.registry().list().await.0.is_empty());
    environment.destroy().await.unwrap();
    assert_eq!(entries(base.path()), 0);
}

#[tokio::test]
async fn stop_waits_for_the_grace_period_only_if_needed() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let began = std::time::Instant::now();
    environment.stop(Duration::from_secs(60)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "nothing ran");
    environment.start().await.unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut stubborn = environment.execute(Command::shell(script)).await.unwrap();
    stubborn.next().await.unwrap();
    environment.stop(Duration::from_millis(200)).await.unwrap();
    assert_eq!(stubborn.wait().await.unwrap().code, 137);
    assert_eq!(environment.status(), Status::Stopped);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn daemon_outside_its_group_ends_with_the_environment() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let script = "setsid sh -c 'echo $$ > pid; exec sleep 100000' >/dev/null 2>&1 & \
                  while [ ! -s pid ]; do sleep 0.01; done; cat pid";
    let output = environment
        .run(Command::shell(script))
        .await
        .unwrap()
        .stdout_text();
    let pid = output.trim();
    assert!(Path::new("/proc").join(pid).exists());
    environment.destroy().await.unwrap();
    until_gone(pid).await;
    assert_eq!(entries(base.path()), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn environment_dropped_without_a_runtime_cleans_up() {
    let base = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manager = manager(base.path());
    let (environment, execution, pid) = runtime.block_on(async {
        let environment = active(&manager).await;
        let command = Command::shell("sleep 100000 >/dev/null 2>&1 & echo $!");
        let pid = environment.run(command).await.unwrap().stdout_text();
        let execution = environment
            .execute(Command::new(["sleep", "100000"]))
            .await
            .unwrap();
        (environment, execution, pid)
    });
    drop(runtime);
    drop(environment);
    drop(execution);
    assert_eq!(entries(base.path()), 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(until_gone(pid.trim()));
}

#[tokio::test]
async fn symlink_to_the_host_does_not_lead_outside() {
    let base = tempfile::tempdir().unwrap();
    let outside = base.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let script = format!("ln -s {} way", outside.display());
    environment.run(Command::shell(script)).await.unwrap();
    let target = base.path().join("copy");
    for path in ["way/secret", "way"] {
        let error = environment.copy_out(path, &target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutsideEnvironment, "{path}");
    }
    environment
        .copy_in(CopySource::bytes("x"), "way/new")
        .await
        .unwrap_err();
    assert!(!target.exists() && entries(&outside) == 1);
}

#[tokio::test]
async fn symlink_named_like_an_environment_is_not_removed() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("file"), "x").unwrap();
    let id = isolation::EnvironmentId::random();
    std::os::unix::fs::symlink(precious.path(), base.path().join(format!("isolation-basic-{id}"))).unwrap();
    assert!(manager.open(id.as_str()).await.unwrap_err().is_not_found());
    assert!(manager.registry().list().await.0.is_empty());
    assert_eq!(entries(precious.path()), 1);
}

#[tokio::test]
async fn unusable_base_directory_is_reported_with_a_hint() {
    let manager = manager(Path::new("/no/such/directory"));
    let basic = "basic".parse().unwrap();
    let error = manager
        .create(&basic, EnvironmentSpec::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains("/no/such/directory") && text.contains("TMPDIR"),
        "{text}"
    );
}
