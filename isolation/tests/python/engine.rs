use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::{
    Command, CommandOutput, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, Registry,
    conformance,
};
use tempfile::TempDir;

/// An engine with directories of its own, and the templates that all tests share.
pub(crate) struct Fixture {
    pub(crate) base: TempDir,
    pub(crate) manager: Manager,
}

/// The templates: a creation with ensurepip takes seconds.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("virtualenv")
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let manager = manager(VirtualenvEngine::below(base.path()).with_cache(cache()));
        Self { base, manager }
    }

    pub(crate) async fn create(&self, options: VirtualenvOptions) -> isolation::Result<Environment> {
        let mut spec = EnvironmentSpec::default();
        options.add_to(&mut spec);
        self.manager.create(&EngineChoice::Auto, spec).await
    }

    pub(crate) async fn environment(&self) -> Environment {
        self.create(VirtualenvOptions::default()).await.unwrap()
    }
}

pub(crate) fn manager(engine: VirtualenvEngine) -> Manager {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    Manager::new(registry)
}

pub(crate) async fn run(environment: &Environment, argv: &[&str]) -> CommandOutput {
    let argv: Vec<_> = argv.iter().map(|word| (*word).to_owned()).collect();
    environment.run(Command::new(argv)).await.unwrap()
}

/// The output of a command, which must succeed.
pub(crate) async fn printed(environment: &Environment, argv: &[&str]) -> String {
    let output = run(environment, argv).await;
    assert!(output.exit.success(), "{argv:?}: {output:?}");
    output.stdout_text().trim().to_owned()
}

fn directory(base: &Path) -> PathBuf {
    let mut entries = fs::read_dir(base).unwrap();
    entries.next().unwrap().unwrap().path().canonicalize().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_passes_the_conformance_checks() {
    let base = tempfile::tempdir().unwrap();
    let engine = VirtualenvEngine::below(base.path()).with_cache(cache());
    let spec = || {
        let mut spec = EnvironmentSpec::default();
        let options = VirtualenvOptions {
            without_pip: true,
            ..VirtualenvOptions::default()
        };
        options.add_to(&mut spec);
        spec
    };
    let report = conformance::check(Arc::new(engine), &spec).await;
    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "something is left");
}

#[tokio::test]
async fn environment_has_its_own_python_and_pip() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let own = directory(fixture.base.path()).join("root/.venv");
    let prefix = printed(&environment, &["python", "-c", "import sys; print(sys.prefix)"]).await;
    assert_eq!(Path::new(&prefix), own);
    for pip in [&["pip", "--version"][..], &["python", "-m", "pip", "--version"]] {
        let version = printed(&environment, pip).await;
        assert!(version.contains(own.to_str().unwrap()), "{version}");
    }
    let variable = printed(&environment, &["sh", "-c", "echo $VIRTUAL_ENV; command -v pip"]).await;
    assert_eq!(variable, format!("{0}\n{0}/bin/pip", own.display()));
    environment.destroy().await.unwrap();
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

/// A copy that names its template runs with the packages of the template, without any error.
#[tokio::test]
async fn copy_names_neither_template_nor_another_copy() {
    let fixture = Fixture::new();
    let first = fixture.environment().await;
    let own = directory(fixture.base.path()).join("root/.venv");
    let cached = cache().canonicalize().unwrap();
    let mut pending = vec![own.clone()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            if meta.is_symlink() {
                let link = fs::read_link(&path).unwrap();
                assert!(!link.starts_with(&cached), "{}", path.display());
            } else if meta.is_dir() && !path.ends_with("__pycache__") {
                pending.push(path);
            } else if meta.is_file() {
                let content = fs::read(&path).unwrap();
                let cached = cached.to_str().unwrap().as_bytes();
                let named = content.windows(cached.len()).any(|window| window == cached);
                assert!(!named, "{}", path.display());
            }
        }
    }
    // Every digest of RECORD holds, so that pip can be checked and removed.
    let check = "import importlib.metadata as m, hashlib, base64, sys
for d in m.distributions():
    for f in d.files or []:
        p = f.locate()
        if f.hash and f.hash.mode == 'sha256':
            digest = base64.urlsafe_b64encode(hashlib.sha256(p.read_bytes()).digest()).rstrip(b'=').decode()
            assert digest == f.hash.value, p
            assert f.size == p.stat().st_size, p
print('checked')";
    assert_eq!(printed(&first, &["python", "-c", check]).await, "checked");
    // A file that a test edits in place is that of this environment alone.
    let second = fixture.environment().await;
    let file = "import pip, pathlib; p = pathlib.Path(pip.__file__).parents[1]; ";
    let edit = format!("{file} assert p.is_file(), p; f = p.open('ab'); f.write(b'#'); f.close()");
    let size = format!("{file} print(p.stat().st_size)");
    let before = printed(&first, &["python", "-c", &size]).await;
    printed(&first, &["python", "-c", &edit]).await;
    assert_ne!(printed(&first, &["python", "-c", &size]).await, before);
    assert_eq!(printed(&second, &["python", "-c", &size]).await, before);
}

/// The code of pip is one file, whose copy takes little time, but nothing else of it is special.
#[tokio::test]
async fn pip_in_one_file_builds_and_is_removed() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let own = directory(fixture.base.path()).join("root/.venv");
    let packages = printed(
        &environment,
        &[
            "python",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ],
    )
    .await;
    let names = |directory: &Path| {
        // pip removes a directory with its last file.
        let entries = fs::read_dir(directory).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "__pycache__").collect();
        names.sort();
        names
    };
    let before = names(Path::new(&packages));
    assert_eq!(before.len(), 3, "{before:?}");
    assert_eq!(before[1..], ["pip.pth", "pip.zip"]);
    let listed = printed(&environment, &["pip", "list", "--format", "freeze"]).await;
    assert!(listed.starts_with("pip==") && !listed.contains('\n'), "{listed}");
    // An interpreter of another version uses the source.
    let source =
        "import zipimport; z = zipimport.zipimporter('PATH/pip.zip'); print(len(z.get_source('pip')) > 9)";
    let source = source.replace("PATH", &packages);
    assert_eq!(printed(&environment, &["python", "-c", &source]).await, "True");
    printed(&environment, &["pip", "uninstall", "--yes", "pip"]).await;
    assert!(
        names(Path::new(&packages)).is_empty(),
        "{:?}",
        names(Path::new(&packages))
    );
    assert!(!names(&own.join("bin")).iter().any(|name| name.starts_with("pip")));
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn installed_package_is_seen_by_its_environment_only() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.environment().await, fixture.environment().await);
    let make = "mkdir -p project/probe_package && cd project && echo 'print(\"probe\")' > probe_package/__init__.py && \
                printf '[project]\\nname = \"probe-package\"\\nversion = \"1.2\"\\n' > pyproject.toml";
    printed(&first, &["sh", "-c", make]).await;
    // A path entry needs neither an index nor a build tool.
    let path = "import sysconfig, os; open(sysconfig.get_path('purelib') + '/probe.pth', 'w').write(os.getcwd() + '/project')";
    printed(&first, &["python", "-c", path]).await;
    assert_eq!(
        printed(&first, &["python", "-m", "probe_package.__init__"]).await,
        "probe\nprobe"
    );
    let missing = run(&second, &["python", "-c", "import probe_package"]).await;
    assert!(
        missing.stderr_text().contains("ModuleNotFoundError"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn path_with_blanks_quotes_or_great_length_works() {
    let outer = tempfile::tempdir().unwrap();
    let odd = outer.path().join("a $HOME");
    fs::create_dir(&odd).unwrap();
    let manager = manager(VirtualenvEngine::below(&odd).with_cache(cache()));
    let created = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    let error = created.unwrap_err();
    assert!(error.to_string().contains("pip cannot quote"), "{error}");
    for name in ["with blank", "it's", "größe", &"x".repeat(200)] {
        let base = outer.path().join(name);
        fs::create_dir(&base).unwrap();
        let manager = crate::engine::manager(VirtualenvEngine::below(&base).with_cache(cache()));
        let created = manager
            .create(&EngineChoice::Auto, EnvironmentSpec::default())
            .await;
        let environment = created.unwrap();
        let version = printed(&environment, &["pip", "--version"]).await;
        assert!(version.contains(name), "{name}: {version}");
        environment.stop(std::time::Duration::ZERO).await.unwrap();
        environment.start().await.unwrap();
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn interpreter_that_no_candidate_fits_is_listed() {
    let fixture = Fixture::new();
    let options = VirtualenvOptions {
        python: Some("2.99".into()),
        ..VirtualenvOptions::default()
    };
    let error = fixture.create(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(
        text.contains("fits 2.99: tried /") && text.contains("it is version 3."),
        "{text}"
    );
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn packages_of_the_interpreter_are_seen_only_if_asked() {
    let fixture = Fixture::new();
    let paths =
        "import sys, site; print([p for p in sys.path if p.startswith(sys.base_prefix) and 'packages' in p])";
    let alone = fixture.environment().await;
    assert_eq!(printed(&alone, &["python", "-c", paths]).await, "[]");
    let user = "import site; print(site.ENABLE_USER_SITE)";
    assert_eq!(printed(&alone, &["python", "-c", user]).await, "False");
    let options = VirtualenvOptions {
        system_site_packages: true,
        ..VirtualenvOptions::default()
    };
    let shared = fixture.create(options).await.unwrap();
    assert_ne!(printed(&shared, &["python", "-c", paths]).await, "[]");
}

#[tokio::test]
async fn environment_without_interpreter_does_not_start() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    let python = directory(fixture.base.path()).join("root/.venv/bin/python");
    let real = fs::read_link(&python).unwrap();
    fs::remove_file(&python).unwrap();
    std::os::unix::fs::symlink("/no/such/python", &python).unwrap();
    let error = environment.start().await.unwrap_err();
    assert!(error.to_string().contains("/no/such/python in "), "{error}");
    fs::remove_file(&python).unwrap();
    std::os::unix::fs::symlink(real, &python).unwrap();
    environment.start().await.unwrap();
}

/// A link to the program alone, as a user's `~/bin` has it: the libraries are not beside it.
#[tokio::test]
async fn interpreter_behind_a_link_has_its_libraries() {
    let fixture = Fixture::new();
    let plain = fixture.environment().await;
    let import = "import ssl, sqlite3, sys; print(sys.base_prefix)";
    let has_all = run(&plain, &["python", "-c", import]).await;
    let real = "import os, sys; print(os.path.realpath(sys._base_executable))";
    let real = printed(&plain, &["python", "-c", real]).await;
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("bin/python3");
    fs::create_dir(links.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let options = VirtualenvOptions {
        python: Some(link.display().to_string()),
        without_pip: true,
        ..VirtualenvOptions::default()
    };
    let environment = fixture.create(options).await.unwrap();
    let output = run(&environment, &["python", "-c", import]).await;
    assert_eq!(output.exit.code, has_all.exit.code, "{output:?}");
    assert_eq!(output.stdout_text(), has_all.stdout_text());
}
