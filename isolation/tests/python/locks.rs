//! Locks of environments: packages that were added are installed again, exactly.

use std::fs;
use std::path::Path;

use isolation::packages::{PackageIndex, PackageManager, PackageSources};
use isolation::{Command, EngineChoice, Environment, EnvironmentLock, EnvironmentSpec, ErrorKind, Selection};
use tempfile::TempDir;

use crate::engine::{Fixture, printed};
use crate::packages::{from_wheels, wheel};

/// An environment with added packages, its lock, and the archives outside of it.
struct Locked {
    fixture: Fixture,
    lock: EnvironmentLock,
    selection: Selection,
    archives: TempDir,
}

impl Locked {
    /// `probe_top` needs an older `probe_base` than the newest.
    async fn new() -> Self {
        let fixture = Fixture::new();
        let environment = fixture.environment().await;
        wheel(&environment, "probe_base", "1.0", &[]).await;
        wheel(&environment, "probe_base", "2.0", &[]).await;
        wheel(&environment, "probe_top", "1.0", &["probe-base<2"]).await;
        let packages = environment.packages(PackageManager::Pip);
        packages.install(from_wheels(&["probe-top"])).await.unwrap();
        let lock = fixture.manager.lock(&environment).await.unwrap();
        let archives = tempfile::tempdir().unwrap();
        let to = archives.path().join("wheels");
        environment.copy_out("wheels", &to).await.unwrap();
        environment.destroy().await.unwrap();
        let spec = EnvironmentSpec::default();
        let selection = fixture.manager.select(&EngineChoice::Auto, &spec).await.unwrap();
        // As another process reads it.
        let lock = EnvironmentLock::from_json(&serde_json::to_string(&lock).unwrap()).unwrap();
        Self {
            fixture,
            lock,
            selection,
            archives,
        }
    }

    async fn create(&self, spec: EnvironmentSpec) -> isolation::Result<Environment> {
        self.create_from(spec, &self.lock).await
    }

    async fn create_from(
        &self,
        spec: EnvironmentSpec,
        lock: &EnvironmentLock,
    ) -> isolation::Result<Environment> {
        let sources = PackageSources {
            index: PackageIndex::None,
            find_links: vec![self.archives.path().join("wheels").display().to_string()],
            ..PackageSources::default()
        };
        let manager = &self.fixture.manager;
        manager.create_locked(&self.selection, spec, lock, &sources).await
    }

    /// The archive of a package.
    fn archive(&self, name: &str) -> std::path::PathBuf {
        let file = format!("wheels/{name}-1.0-py3-none-any.whl");
        self.archives.path().join(file)
    }

    fn left(&self) -> usize {
        fs::read_dir(self.fixture.base.path()).unwrap().count()
    }
}

fn archives_of<'l>(lock: &'l EnvironmentLock, name: &str) -> &'l [String] {
    let package = lock.packages["pip"].iter().find(|one| one.is_named(name));
    &package.unwrap().archives
}

fn digest(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split(' ').next().unwrap())
}

#[tokio::test]
async fn lock_installs_the_packages_that_were_added() {
    let locked = Locked::new().await;
    for name in ["probe_base", "probe_top"] {
        assert_eq!(archives_of(&locked.lock, name), [digest(&locked.archive(name))]);
    }
    assert!(archives_of(&locked.lock, "pip").is_empty(), "{:?}", locked.lock);
    let environment = locked.create(EnvironmentSpec::default()).await.unwrap();
    assert_eq!(printed(&environment, &["probe_base-script"]).await, "1.0");
    // A lock of the result is equal, with the same archives.
    let again = locked.fixture.manager.lock(&environment).await.unwrap();
    let names = |lock: &EnvironmentLock| -> Vec<_> {
        let all = lock.packages["pip"].iter();
        all.map(|one| (one.name.clone(), one.version.clone(), one.archives.clone()))
            .collect()
    };
    assert_eq!(names(&again), names(&locked.lock));
    // The note of archives goes with the last package.
    let packages = environment.packages(PackageManager::Pip);
    packages.uninstall(&["probe-top", "probe-base"]).await.unwrap();
    let note = "import glob, sysconfig; print(glob.glob(sysconfig.get_path('purelib') + '/isolation*'))";
    assert_eq!(printed(&environment, &["python", "-c", note]).await, "[]");
    environment.destroy().await.unwrap();

    let kept = EnvironmentSpec {
        lifetime: isolation::Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let kept = locked.create(kept).await.unwrap();
    assert!(kept.is_kept());
    kept.destroy().await.unwrap();
    assert_eq!(locked.left(), 0);
}

#[tokio::test]
async fn lock_refuses_another_archive() {
    let locked = Locked::new().await;
    // The same name and version, another content.
    let add = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'a') as wheel: wheel.writestr('probe_base/trap.py', 'trap')";
    let archive = locked.archive("probe_base");
    let changed = std::process::Command::new("python3")
        .args(["-c", add])
        .arg(&archive)
        .status();
    assert!(changed.unwrap().success());
    let error = locked.create(EnvironmentSpec::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
    let text = error.to_string().to_lowercase();
    assert!(text.contains("hash") && text.contains("probe"), "{text}");
    assert_eq!(locked.left(), 0, "something is left");

    fs::remove_file(&archive).unwrap();
    let error = locked.create(EnvironmentSpec::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("probe") && text.contains("1.0"), "{text}");
    assert_eq!(locked.left(), 0, "something is left");
}

#[tokio::test]
async fn lock_lists_what_cannot_be_installed() {
    let locked = Locked::new().await;
    // A program of the specification would run before the packages are there.
    let early = EnvironmentSpec {
        ready: Some(isolation::WaitFor::Command(Command::shell("touch /tmp/ran")).into()),
        ..EnvironmentSpec::default()
    };
    let error = locked.create(early).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for part in ["pip: probe_top: removed 1.0", "without a main process"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // A package without the digest of its archive.
    let mut lock = locked.lock.clone();
    let all = lock.packages.get_mut("pip").unwrap();
    let top = all.iter_mut().find(|one| one.is_named("probe-top")).unwrap();
    top.archives.clear();
    let error = locked
        .create_from(EnvironmentSpec::default(), &lock)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for part in [
        "pip: probe_top: removed 1.0",
        "probe_top have no digest of an archive",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Another interpreter is found before anything is installed.
    lock.interpreter = Some("CPython 2.7.18".into());
    let error = locked
        .create_from(EnvironmentSpec::default(), &lock)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not CPython 2.7.18"), "{error}");
    assert!(!error.to_string().contains("probe_top"), "{error}");
    assert_eq!(locked.left(), 0, "something is left");
}

/// Another program has installed it again, from another archive: the digest is that of the first.
#[tokio::test]
async fn lock_has_no_archive_of_another_installation() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    wheel(&environment, "probe_base", "1.0", &[]).await;
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    let other = "import zipfile
with zipfile.ZipFile('wheels/probe_base-1.0-py3-none-any.whl', 'a') as wheel:
    wheel.writestr('probe_base/more.py', 'x = 1')";
    printed(&environment, &["python", "-c", other]).await;
    let again = [
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--force-reinstall",
        "./wheels/probe_base-1.0-py3-none-any.whl",
    ];
    printed(&environment, &again).await;
    let lock = fixture.manager.lock(&environment).await.unwrap();
    assert!(archives_of(&lock, "probe-base").is_empty(), "{lock:?}");
    // A damaged note hides no package.
    let damage = "import sysconfig
open(sysconfig.get_path('purelib') + '/isolation-archives.json', 'w').write('[1, {')";
    printed(&environment, &["python", "-c", damage]).await;
    assert_eq!(packages.list_with_digests().await.unwrap().len(), 2);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
}

/// A lock is compared before anything of the specification runs.
#[tokio::test]
async fn lock_lists_what_differs_before_anything_runs() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let lock = fixture.manager.lock(&environment).await.unwrap();
    assert!(lock.interpreter.as_deref().unwrap().contains(" 3."), "{lock:?}");
    assert!(
        lock.packages["pip"].iter().all(|one| one.digest.is_some()),
        "{lock:?}"
    );
    let text = serde_json::to_string(&lock).unwrap();
    let lock = EnvironmentLock::from_json(&text).unwrap();
    let spec = EnvironmentSpec::default();
    let selection = fixture.manager.select(&EngineChoice::Auto, &spec).await.unwrap();
    fixture.manager.verify(&selection, &spec, &lock).await.unwrap();

    wheel(&environment, "probe_base", "1.0", &[]).await;
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    let mut lock = fixture.manager.lock(&environment).await.unwrap();
    lock.features.insert(isolation::Feature::Images);
    let error = fixture
        .manager
        .verify(&selection, &spec, &lock)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    let hint = "installed from a lock only into a started environment";
    for part in ["pip: probe_base: removed 1.0", "does not support images", hint] {
        assert!(text.contains(part), "{text}");
    }
    environment.destroy().await.unwrap();
    assert_eq!(fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}
