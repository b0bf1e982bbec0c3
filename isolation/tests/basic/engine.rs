use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::{Command, Engine, Environment, EnvironmentSpec, Source, conformance};

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

async fn active(engine: &BasicEngine) -> Box<dyn Environment> {
    let environment = engine.create(EnvironmentSpec::default()).await.unwrap();
    environment.activate().await.unwrap();
    environment
}

/// Waits for the outcome, however long it takes: a test that hangs is told by the runner.
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
async fn behaves_as_every_engine_must() {
    let base = tempfile::tempdir().unwrap();
    let engine = BasicEngine::below(base.path());
    let report = conformance::check(&engine, &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn behaves_the_same_on_one_thread() {
    let base = tempfile::tempdir().unwrap();
    let report = conformance::check(&BasicEngine::below(base.path()), &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(entries(base.path()), 0, "something is left");
}

#[tokio::test]
async fn a_command_gets_a_private_home_and_nothing_of_the_callers() {
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
    let folder = base
        .path()
        .canonicalize()
        .unwrap()
        .join(format!("isolation-{}", environment.id()));
    assert_eq!(Path::new(rest[2]), folder.join("root"));
    assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn no_variable_reaches_the_disk() {
    let base = tempfile::tempdir().unwrap();
    let env = [("TOKEN".to_owned(), "canary-in-a-variable".to_owned())].into();
    let spec = EnvironmentSpec {
        env,
        ..EnvironmentSpec::default()
    };
    let environment = BasicEngine::below(base.path()).create(spec).await.unwrap();
    let folder = base.path().join(format!("isolation-{}", environment.id()));
    let note = fs::read_to_string(folder.join("environment.json")).unwrap();
    assert!(
        note.contains(environment.id().as_str()) && !note.contains("canary"),
        "{note}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_daemon_that_left_its_group_ends_with_its_environment() {
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
fn dropped_outside_of_a_runtime_it_still_kills_and_removes() {
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
async fn a_link_to_the_machine_is_no_way_out() {
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
        .copy_in(Source::bytes("x"), "way/new")
        .await
        .unwrap_err();
    assert!(!target.exists() && entries(&outside) == 1);
}

#[tokio::test]
async fn a_link_named_as_an_environment_is_left_alone() {
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
async fn a_base_that_cannot_be_used_is_said_with_a_way_out() {
    let engine = BasicEngine::below("/no/such/folder");
    let said = engine.availability().await.to_string();
    assert!(
        said.contains("/no/such/folder") && said.contains("TMPDIR"),
        "{said}"
    );
    engine.create(EnvironmentSpec::default()).await.unwrap_err();
}
