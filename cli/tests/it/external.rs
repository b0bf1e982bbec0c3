//! Engines of other programs, and `isolate serve` as one of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolation::Engine;
use isolation::engines::external::ExternalEngine;
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, ManagerOptions, Registry,
    conformance,
};

use crate::support::Workspace;

/// A directory for an engine and its environments.
pub(crate) struct Place {
    pub(crate) base: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            base: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.environments()).unwrap();
        place
    }

    pub(crate) fn environments(&self) -> PathBuf {
        self.base.path().join("environments")
    }

    /// The engine that a script offers.
    pub(crate) fn engine(&self, script: &str) -> ExternalEngine {
        ExternalEngine::at("other", executable(self.base.path(), "other", script))
    }

    /// `isolate serve` of the engine `basic`.
    pub(crate) fn itself(&self) -> ExternalEngine {
        self.served("basic")
    }

    /// `isolate serve` of an engine of this machine.
    pub(crate) fn served(&self, engine: &str) -> ExternalEngine {
        let isolate = env!("CARGO_BIN_EXE_isolate");
        let (environments, state) = (self.environments(), self.base.path().join("state"));
        self.engine(&format!(
            "TMPDIR={} ISOLATE_STATE_DIR={} exec {isolate} serve --stdio --engine {engine}",
            environments.display(),
            state.display()
        ))
    }

    /// A manager with a journal of its own.
    pub(crate) fn manager(&self, engine: ExternalEngine) -> Manager {
        let mut registry = Registry::new();
        registry.register(engine).unwrap();
        let options = ManagerOptions {
            state_directory: Some(self.base.path().join("journal")),
            ..ManagerOptions::default()
        };
        Manager::with_options(registry, options)
    }

    pub(crate) fn left(&self) -> usize {
        fs::read_dir(self.environments()).unwrap().count()
    }
}

fn executable(directory: &Path, name: &str, script: &str) -> PathBuf {
    let path = directory.join(format!("isolation-engine-{name}"));
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn served_engine_passes_the_conformance_checks() {
    let place = Place::new();
    let report = conformance::check(Arc::new(place.itself()), &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(place.left(), 0, "something is left");
}

async fn create(manager: &Manager) -> isolation::Result<Environment> {
    let choice = EngineChoice::Named("other".into());
    manager.create(&choice, EnvironmentSpec::default()).await
}

/// Answers `hello` as a peer of this version does, then runs a script.
pub(crate) fn greeting(version: u32, script: &str) -> String {
    format!(
        r#"read -r line; echo '{{"id": 1, "result": {{"version": {version}, "engines": ["x"]}}}}'; {script}"#
    )
}

#[tokio::test]
async fn program_that_does_not_keep_to_the_protocol() {
    let place = Place::new();
    for (script, kind, words) in [
        (
            "echo boom >&2; exit 3".to_owned(),
            ErrorKind::Unavailable,
            &["status: 3", "boom"][..],
        ),
        (
            "printf '{\"id\": 1,'".to_owned(),
            ErrorKind::Unavailable,
            &["has no end"],
        ),
        (
            "echo hello".to_owned(),
            ErrorKind::Unavailable,
            &["invalid message"],
        ),
        (
            "exec sleep 1000".to_owned(),
            ErrorKind::Timeout,
            &["does not answer"],
        ),
        (
            "head -c 1073741824 /dev/zero | tr '\\0' x; sleep 1000".to_owned(),
            ErrorKind::Unavailable,
            &["longer than"],
        ),
        (
            greeting(2, "cat >/dev/null"),
            ErrorKind::Unsupported,
            &["version 2"],
        ),
        (greeting(1, "exit 0"), ErrorKind::Unavailable, &["has ended"]),
        (
            greeting(
                1,
                r#"while read -r line; do echo '{"id": 3, "result": {"strange": 1}}'; done"#,
            ),
            ErrorKind::Engine,
            &["the request 3 that cannot be read: environments: it is missing"],
        ),
        (
            r#"read -r line; echo '{"id": 1, "output": {"stdout": {"text": 5}}}'; sleep 1000"#.to_owned(),
            ErrorKind::Unavailable,
            &["invalid message: the answer to the request 1: output.stdout.text: a text is expected"],
        ),
        (
            r#"read -r line; echo '{"error": {"kind": "io", "message": "no disk"}}'; sleep 1000"#.to_owned(),
            ErrorKind::Unavailable,
            &["no disk"],
        ),
        (
            r#"read -r line; echo '{"id": 1, "error": {"kind": "of_later", "message": "x"}}'; cat"#
                .to_owned(),
            ErrorKind::Engine,
            &["of_later"],
        ),
    ] {
        let engine = place.engine(&script).with_timeout(Duration::from_secs(3));
        let listed = engine.list().await.unwrap_err();
        let text = format!("{listed:?}");
        assert_eq!(listed.kind(), kind, "{script}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{script}: {text}");
        let probe = engine.probe().await;
        assert!(!probe.availability.is_available(), "{script}");
    }
}

#[tokio::test]
async fn unknown_messages_are_left_out() {
    let place = Place::new();
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let engine = place.engine(&format!(
        r#"echo '{{"of_a_later_version": {{}}}}'; echo '{{"id": 77, "result": {{}}}}'
        echo '{{"id": 1, "later": 5}}'; echo '{{"event": {{"type": "later"}}}}'
        TMPDIR={} exec {isolate} serve --stdio --engine basic"#,
        place.environments().display()
    ));
    let manager = place.manager(engine);
    let environment = create(&manager).await.unwrap();
    let output = environment.run(Command::shell("echo out; exit 3")).await.unwrap();
    assert_eq!((output.stdout_text().as_str(), output.exit.code), ("out\n", 3));
    manager.shutdown().await.unwrap();
    assert_eq!(place.left(), 0);
}

#[tokio::test]
async fn killed_program_is_started_again() {
    let place = Place::new();
    let pid = place.base.path().join("pid");
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let manager = place.manager(place.engine(&format!(
        "echo $$ > {}; TMPDIR={} exec {isolate} serve --stdio --engine basic",
        pid.display(),
        place.environments().display()
    )));
    let environment = create(&manager).await.unwrap();
    let mut execution = environment
        .execute(Command::new(["sleep", "100000"]))
        .await
        .unwrap();
    let first = fs::read_to_string(&pid).unwrap();
    std::process::Command::new("kill")
        .args(["-KILL", first.trim()])
        .status()
        .unwrap();
    let error = execution.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("signal: 9"), "{error:?}");
    // The files are there; its processes are not.
    let output = environment.run(Command::shell("echo again")).await.unwrap();
    assert_eq!(output.stdout_text(), "again\n");
    assert_ne!(fs::read_to_string(&pid).unwrap(), first);
    environment.destroy().await.unwrap();
    assert_eq!(place.left(), 0);
}

#[tokio::test]
async fn large_copy_and_log_of_commands() {
    let place = Place::new();
    let manager = place.manager(place.itself());
    let environment = create(&manager).await.unwrap();
    let content = vec![b'x'; 3 << 20];
    let source = isolation::CopySource::Bytes {
        content: content.into(),
        mode: 0o750,
    };
    environment.copy_in(source, "large").await.unwrap();
    let output = environment
        .run(Command::shell("wc -c < large; stat -c %a large"))
        .await
        .unwrap();
    assert_eq!(output.stdout_text(), "3145728\n750\n");
    let error = environment
        .run(Command {
            user: Some("1".into()),
            ..Command::new(["id"])
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    manager.shutdown().await.unwrap();
    assert_eq!(place.left(), 0);
}

/// The command with the engines in this directory.
fn with_engines(workspace: &Workspace, directory: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = workspace.command(arguments);
    command.env("ISOLATE_ENGINE_DIR", directory).output().unwrap()
}

fn engines(workspace: &Workspace, directory: &Path) -> serde_json::Value {
    let listed = with_engines(workspace, directory, &["engines", "--json"]);
    serde_json::from_slice(&listed.stdout).unwrap()
}

#[test]
fn named_engine_is_found_listed_and_used() {
    let workspace = Workspace::new();
    let directory = tempfile::tempdir().unwrap();
    let isolate = env!("CARGO_BIN_EXE_isolate");
    executable(
        directory.path(),
        "self",
        &format!("exec {isolate} serve --stdio --engine basic"),
    );
    let rows = engines(&workspace, directory.path());
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "self")
        .unwrap();
    assert!(row["availability"]["available"]["detail"].is_string(), "{row}");
    let line = [
        "run",
        "-q",
        "--engine",
        "self",
        "--",
        "sh",
        "-c",
        "echo ran; exit 3",
    ];
    let ended = with_engines(&workspace, directory.path(), &line);
    assert_eq!((&ended.stdout[..], ended.status.code()), (&b"ran\n"[..], Some(3)));
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
    // It is never chosen by itself.
    let line = [
        "run",
        "-q",
        "--engine",
        "auto",
        "--",
        "sh",
        "-c",
        "echo $ISOLATION_ROOT",
    ];
    executable(directory.path(), "aaa", "echo $$ >> \"$HOME/started\"");
    with_engines(&workspace, directory.path(), &line);
    assert!(!workspace.home().join("started").exists());
}

#[test]
fn planted_engine_is_reported_and_never_run() {
    let workspace = Workspace::new();
    let directory = tempfile::tempdir().unwrap();
    executable(directory.path(), "x", "touch \"$HOME/it-ran\"");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let rows = engines(&workspace, directory.path());
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "x")
        .unwrap();
    let reason = row["availability"]["unavailable"]["reason"].as_str().unwrap();
    assert!(reason.contains("can write to the directory"), "{reason}");
    let ended = with_engines(
        &workspace,
        directory.path(),
        &["run", "--engine", "x", "--", "true"],
    );
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("can write to the directory"), "{text}");
    assert_ne!(ended.status.code(), Some(0));
    assert!(!workspace.home().join("it-ran").exists());
}

#[tokio::test]
async fn engine_in_python_passes_the_conformance_checks() {
    let place = Place::new();
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../isolation/examples/engine-python/isolation-engine-directory");
    let engine = place.engine(&format!(
        "ISOLATION_DIRECTORY={} exec python3 {}",
        place.environments().display(),
        program.display()
    ));
    if !engine.probe().await.availability.is_available() {
        assert!(
            std::process::Command::new("python3").arg("-V").status().is_err(),
            "python3 is there"
        );
        return;
    }
    let report = conformance::check(Arc::new(engine), &EnvironmentSpec::default).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(place.left(), 0, "something is left");
}

#[test]
fn engine_in_python_names_what_is_invalid() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../isolation/examples/engine-python/isolation-engine-directory");
    let lines = r#"{"id": 1, "method": "hello", "params": {"versions": [1]}}
{"id": 2, "method": "signal", "params": {"request": 7, "signal": "FOO"}}
{"id": 3, "method": "resize", "params": {}}
{"method": "more", "params": {}}
"#;
    let script = format!("printf '%s' '{lines}' | python3 '{}'", program.display());
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    if text.is_empty() {
        return eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
    }
    for expected in [
        "request 2, 'signal', is invalid: params.signal is not one of",
        "params.request is missing",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(
        text.trim_end().ends_with("write one JSON object a line\"}}"),
        "{text}"
    );
}
