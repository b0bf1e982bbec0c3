use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{
    Command, CommandOutput, Engine, EngineChoice, Environment, EnvironmentSpec, Manager, ManagerOptions,
    Reaper, Registry,
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

fn registry(base: &Path) -> Registry {
    let mut registry = Registry::new();
    registry.register(SandboxEngine::below(base)).unwrap();
    registry
}

pub(crate) fn manager(base: &Path) -> Manager {
    Manager::new(registry(base))
}

/// A manager with a journal of its own, and without a reaper.
pub(crate) fn manager_with_state(base: &Path, state: &Path) -> Manager {
    let options = ManagerOptions {
        state_directory: Some(state.to_owned()),
        reaper: Reaper::Off,
        ..ManagerOptions::default()
    };
    Manager::with_options(registry(base), options)
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

/// The output of a script, which must succeed.
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
        .env("ISOLATE_STATE_DIR", directory.path().join("state"))
        .env("LLVM_PROFILE_FILE", directory.path().join(COUNTERS))
        .current_dir("/")
        .status()
        .unwrap();
    collect_counters(directory.path());
    assert!(status.success(), "{test} as an ordinary user: {status}");
    true
}

/// The file into which a program that `tests/coverage` has compiled writes its counters.
const COUNTERS: &str = "%m.profraw";

/// Copies the counters of a program of another user to those of this one: that user cannot write
/// there.
fn collect_counters(directory: &Path) {
    let Some(ours) = std::env::var_os("LLVM_PROFILE_FILE") else {
        return;
    };
    let place = Path::new(&ours).parent().unwrap();
    let unique = directory.file_name().unwrap().to_str().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "profraw") {
            let name = path.file_name().unwrap().to_str().unwrap();
            fs::copy(&path, place.join(format!("user{unique}-{name}"))).unwrap();
        }
    }
}

/// The users and groups that the user of [`as_user_with_others`] may map.
pub(crate) const OTHERS: u32 = 700_000;

/// The same for a user that may map others, as most users of a desktop. The files that say so are
/// seen by this program only.
pub(crate) fn as_user_with_others(test: &str) {
    let has_program = |name: &str| Path::new("/usr/bin").join(name).exists();
    if !rustix_is_root() || !has_program("newuidmap") || !has_program("newgidmap") {
        eprintln!("skipped: this needs root and the package uidmap");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let script = "set -e
        { cat /etc/passwd; echo sandboxer:x:54321:54321::/nonexistent:/bin/sh; } >passwd
        for kind in uid gid; do echo sandboxer:700000:65536 >sub$kind; done
        for name in passwd subuid subgid; do
            [ -e /etc/$name ] || { echo /etc/$name is missing; exit 77; }
            chmod 644 $name
            mount --bind $name /etc/$name
        done
        cp \"$1\" program && chmod 755 program
        cd / && exec setpriv --reuid=54321 --regid=54321 --clear-groups -- \"$0/program\" --exact --nocapture \"$2\"";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("TMPDIR", directory.path())
        .env("HOME", directory.path())
        .env("ISOLATE_STATE_DIR", directory.path().join("state"))
        .env("SANDBOX_WITH_OTHERS", "yes")
        .env("LLVM_PROFILE_FILE", directory.path().join(COUNTERS))
        .current_dir(directory.path())
        .output()
        .unwrap();
    collect_counters(directory.path());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        eprintln!("skipped: {text}");
        return;
    }
    assert!(
        output.status.success(),
        "{test} as a user with others: {text}{errors}"
    );
    assert!(
        text.contains("1 passed") && !errors.contains("skipped"),
        "{text}{errors}"
    );
}

/// Whether environments have several users.
pub(crate) fn has_users() -> bool {
    rustix_is_root() || std::env::var_os("SANDBOX_WITH_OTHERS").is_some()
}

pub(crate) fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
