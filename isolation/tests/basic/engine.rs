use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::{Command, CopySource, Engine, Environment, EnvironmentSpec, conformance};

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

async fn active(engine: &BasicEngine) -> Box<dyn Environment> {
    let environment = engine.create(EnvironmentSpec::default()).await.unwrap();
    environment.start().await.unwrap();
    environment
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
    let engine = BasicEngine::below(base.path());
    let report = conformance::check(&engine, &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn engine_passes_the_checks_on_one_thread() {
    let base = tempfile::tempdir().unwrap();
    let report = conformance::check(&BasicEngine::below(base.path()), &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn command_gets_a_private_home_and_few_variables() {
    let base = tempfile::tempdir().unwrap();
    let environment = active(&BasicEngine::below(base.path())).await;
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
        .join(format!("isolation-{}", environment.id()));
    assert_eq!(Path::new(rest[2]), directory.join("root"));
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn variables_are_not_written_to_disk() {
    let base = tempfile::tempdir().unwrap();
    let env = [("TOKEN".to_owned(), "canary-in-a-variable".to_owned())].into();
    let spec = EnvironmentSpec {
        env,
        ..EnvironmentSpec::default()
    };
    let environment = BasicEngine::below(base.path()).create(spec).await.unwrap();
    let directory = base.path().join(format!("isolation-{}", environment.id()));
    let note = fs::read_to_string(directory.join("environment.json")).unwrap();
    assert!(
        note.contains(environment.id().as_str()) && !note.contains("canary"),
        "{note}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn daemon_outside_its_group_ends_with_the_environment() {
    let base = tempfile::tempdir().unwrap();
    let environment = active(&BasicEngine::below(base.path())).await;
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
    let (environment, execution, pid) = runtime.block_on(async {
        let environment = active(&BasicEngine::below(base.path())).await;
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
    let environment = active(&BasicEngine::below(base.path())).await;
    let script = format!("ln -s {} way", outside.display());
    environment.run(Command::shell(script)).await.unwrap();
    let target = base.path().join("copy");
    for path in ["way/secret", "way"] {
        let error = environment.copy_out(path, &target).await.unwrap_err();
        assert_eq!(error.kind(), isolation::ErrorKind::OutsideEnvironment, "{path}");
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
    let engine = BasicEngine::below(base.path());
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("file"), "x").unwrap();
    let id = isolation::EnvironmentId::random();
    std::os::unix::fs::symlink(precious.path(), base.path().join(format!("isolation-{id}"))).unwrap();
    assert!(engine.destroy(&id).await.unwrap_err().is_not_found());
    assert!(engine.list().await.unwrap().is_empty());
    assert_eq!(entries(precious.path()), 1);
}

#[tokio::test]
async fn unusable_base_directory_is_reported_with_a_hint() {
    let engine = BasicEngine::below("/no/such/directory");
    let text = engine.availability().await.to_string();
    assert!(
        text.contains("/no/such/directory") && text.contains("TMPDIR"),
        "{text}"
    );
    engine.create(EnvironmentSpec::default()).await.unwrap_err();
}
