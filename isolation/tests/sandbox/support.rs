use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{
    Command, CommandOutput, Engine, EngineChoice, Environment, EnvironmentSpec, Manager, Registry,
};
use tempfile::TempDir;

/// An engine with a directory of its own.
pub(crate) struct Fixture {
    pub(crate) base: TempDir,
    pub(crate) manager: Arc<Manager>,
}

/// A directory that every user may enter, as `/tmp` is.
pub(crate) fn base() -> TempDir {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o711)).unwrap();
    base
}

pub(crate) fn manager(base: &Path) -> Manager {
    let mut registry = Registry::new();
    registry.register(SandboxEngine::below(base)).unwrap();
    Manager::new(registry)
}

impl Fixture {
    /// `None` where no sandbox can be started, which is printed.
    pub(crate) async fn new() -> Option<Self> {
        let base = base();
        let probe = SandboxEngine::below(base.path()).probe().await;
        if !probe.availability.is_available() {
            eprintln!("skipped: {}", probe.availability);
            return None;
        }
        let manager = Arc::new(manager(base.path()));
        Some(Self { base, manager })
    }

    pub(crate) async fn create(&self, spec: EnvironmentSpec) -> isolation::Result<Environment> {
        self.manager.create(&EngineChoice::Auto, spec).await
    }

    pub(crate) async fn environment(&self) -> Environment {
        self.create(EnvironmentSpec::default()).await.unwrap()
    }

    /// The number of entries in the directory of the engine.
    pub(crate) fn left(&self) -> usize {
        fs::read_dir(self.base.path()).unwrap().count()
    }
}

pub(crate) async fn sh(environment: &Environment, script: &str) -> CommandOutput {
    environment.run(Command::shell(script)).await.unwrap()
}

/// What a script prints, which must succeed.
pub(crate) async fn printed(environment: &Environment, script: &str) -> String {
    let output = sh(environment, script).await;
    assert!(output.exit.success(), "{script}: {output:?}");
    output.stdout_text().trim().to_owned()
}

/// Runs one test of this program as an ordinary user, if this is root. Returns whether it did.
pub(crate) fn as_ordinary_user(test: &str) -> bool {
    if !rustix_is_root() {
        return false;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    // The program itself may be in a directory of root.
    let program = directory.path().join("program");
    // By another process: a process that this one forks meanwhile would have the file open.
    let copied = std::process::Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let user = ["--reuid=54321", "--regid=54321", "--clear-groups", "--"];
    let status = std::process::Command::new("setpriv")
        .args(user)
        .arg(&program)
        .args(["--exact", "--nocapture", test])
        .env("TMPDIR", directory.path())
        .env("HOME", directory.path())
        .current_dir("/")
        .status()
        .unwrap();
    assert!(status.success(), "{test} as an ordinary user: {status}");
    true
}

pub(crate) fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
