use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command as Process;

use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::packages::PackageManager;
use isolation::{EngineChoice, EnvironmentSpec};

use crate::engine::{Fixture, manager, printed};
use crate::packages::{from_wheels, wheel};

/// The variables of the caller change what Python, pip and uv do. This test calls itself with them:
/// variables of a process cannot be set while it has threads.
#[test]
fn variables_of_the_caller_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("pip.conf");
    fs::write(
        &config,
        "[global]\nrequire-virtualenv = nonsense\ntarget = /nonexistent\n",
    )
    .unwrap();
    // Files that tools read by themselves: of the working directory and of the user.
    for (file, text) in [
        (".python-version", "2.7.99\n"),
        ("uv.toml", "nonsense = [\n"),
        ("pyproject.toml", "[tool.uv]\npython-preference = 3\n"),
        (".config/uv/uv.toml", "nonsense = [\n"),
        (".config/pip/pip.conf", "[global]\nno-index = nonsense\n"),
        (".pydistutils.cfg", "[install]\nprefix = /nonexistent\n"),
        (".venv/pyvenv.cfg", "home = /nonexistent\n"),
    ] {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut inner = Process::new(std::env::current_exe().unwrap());
    inner.current_dir(directory.path());
    inner.env("HOME", directory.path());
    inner.env("XDG_CONFIG_HOME", directory.path().join(".config"));
    inner.args(["--exact", "hostile::inner", "--ignored"]);
    for name in [
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PIP_TARGET",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
        "PIP_INDEX_URL",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_FIND_LINKS",
        "PIP_NO_INDEX",
        "PIP_REQUIRE_HASHES",
        "PIP_CONSTRAINT",
        "PIP_PYTHON",
        "PIP_REPORT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_TARGET",
        "UV_CONFIG_FILE",
        "UV_LINK_MODE",
        "UV_PYTHON_DOWNLOADS",
        "UV_BREAK_SYSTEM_PACKAGES",
        "__PYVENV_LAUNCHER__",
        "PYTHONEXECUTABLE",
    ] {
        inner.env(name, "/nonsense");
    }
    inner.env("PIP_CONFIG_FILE", &config);
    let output = inner.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "variables_of_the_caller_change_nothing runs it"]
async fn inner() {
    let base = tempfile::tempdir().unwrap();
    // A template of its own: the creation must not read them either.
    let kept = tempfile::tempdir().unwrap();
    let manager = manager(VirtualenvEngine::below(base.path()).with_cache(kept.path()));
    let created = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    let environment = created.unwrap();
    let prefix = printed(&environment, &["python", "-c", "import sys; print(sys.prefix)"]).await;
    assert!(prefix.ends_with("/root/.venv"), "{prefix}");
    let listed = printed(&environment, &["pip", "list", "--format=freeze"]).await;
    assert!(listed.contains("pip=="), "{listed}");
    wheel(&environment, "probe_base", "1.0", &[]).await;
    let packages = environment.packages(PackageManager::Pip);
    let before = packages.list().await.unwrap();
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    let changes = packages.diff(&before).await.unwrap();
    assert_eq!(changes[0].to_string(), "probe_base: added 1.0");
    assert_eq!(changes.len(), 1);
    packages.uninstall(&["probe-base"]).await.unwrap();
    assert_eq!(packages.list().await.unwrap(), before);
}

#[tokio::test]
async fn program_of_another_python_is_missing() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("pytest");
    fs::write(&script, "#!/usr/bin/python3\nprint('of the host')\n").unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    let mut command = isolation::Command::new(["pytest"]);
    command.env = [("PATH", path.as_str())].into();
    let output = environment.run(command.clone()).await.unwrap();
    assert_eq!(output.exit.code, 127);
    assert!(
        output.stderr_text().contains("belongs to another Python"),
        "{output:?}"
    );
    let options = VirtualenvOptions {
        host_path: true,
        ..VirtualenvOptions::default()
    };
    let allowed = fixture.create(options).await.unwrap();
    command.argv = vec!["sh".into(), "-c".into(), "command -v pytest".into()];
    let output = allowed.run(command).await.unwrap();
    assert_eq!(output.stdout_text().trim(), script.to_str().unwrap());
}

#[tokio::test]
async fn cache_of_other_users_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    fs::set_permissions(kept.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let manager = manager(VirtualenvEngine::below(base.path()).with_cache(kept.path()));
    let created = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    let error = created.unwrap_err();
    assert!(error.to_string().contains("other users may write to"), "{error}");
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "something is left");
}

/// The tool creates missing directories above its target, so a stop must end it.
#[test]
fn dropped_creation_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    for milliseconds in [0, 1, 50, 400] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let manager = manager(VirtualenvEngine::below(base.path()).with_cache(kept.path()));
            let creating = manager.create(&EngineChoice::Auto, EnvironmentSpec::default());
            let limit = std::time::Duration::from_millis(milliseconds);
            drop(tokio::time::timeout(limit, creating).await);
            manager.shutdown().await.unwrap();
        });
        // It waits for the thread that creates.
        drop(runtime);
        assert_eq!(
            fs::read_dir(base.path()).unwrap().count(),
            0,
            "after {milliseconds} ms"
        );
        let kept = fs::read_dir(kept.path()).unwrap().flatten();
        let new: Vec<_> = kept.map(|entry| entry.file_name()).collect();
        let unfinished = new.iter().any(|name| name.to_string_lossy().starts_with("new-"));
        assert!(!unfinished, "after {milliseconds} ms: {new:?}");
    }
}
