//! apt and npm of this machine, which install what a test has built: without a network.

use std::fs;
use std::path::Path;

use isolation::packages::{InstallPackages, PackageIndex, PackageManager, PackageSources};
use isolation::{CopyIn, EngineChoice, Environment, EnvironmentLock, EnvironmentSpec, ErrorKind};

use crate::support::{Fixture, as_ordinary_user, as_user_with_others, has_users, printed, sh};

/// Makes a repository of apt; the tests of the command use it, too.
const SETUP: &str = include_str!("apt_repository.sh");

fn named(name: &str) -> InstallPackages {
    InstallPackages {
        names: vec![name.to_owned()],
        ..InstallPackages::default()
    }
}

/// Whether the programs are on this machine; prints which one is missing.
async fn has(environment: &Environment, programs: &str) -> bool {
    let script = format!("for name in {programs}; do command -v $name >/dev/null || echo $name; done");
    let missing = printed(environment, &script).await;
    if !missing.is_empty() {
        eprintln!(
            "skipped: this machine has no {}",
            missing.replace('\n', " and no ")
        );
    }
    missing.is_empty()
}

async fn version(environment: &Environment, manager: PackageManager, name: &str) -> Option<String> {
    let listed = environment.packages(manager).list().await.unwrap();
    let found = listed.into_iter().find(|one| one.name == name);
    found.map(|one| one.version)
}

#[tokio::test]
async fn apt_installs_upgrades_and_removes() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    if !has(&environment, "apt-get dpkg-deb sha256sum").await {
        return;
    }
    printed(&environment, SETUP).await;
    let packages = environment.packages(PackageManager::Apt);
    if !has_users() {
        for outcome in [
            packages.install(named("probe-deb")).await.map(drop),
            packages.uninstall(&["probe-deb"]).await,
        ] {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("apt needs several users"), "{error}");
            assert!(error.to_string().contains("uidmap"), "{error}");
        }
        return;
    }
    assert!(packages.list().await.unwrap().is_empty());
    packages.install(named("probe-deb=1.0")).await.unwrap();
    let owner = "stat -c '%u %g' /opt/probe/version; cat /opt/probe/version";
    assert_eq!(printed(&environment, owner).await, "33 34\n1.0");
    packages.upgrade(named("probe-deb")).await.unwrap();
    assert_eq!(printed(&environment, owner).await, "33 34\n2.0");
    let found = version(&environment, PackageManager::Apt, "probe-deb").await;
    assert_eq!(found.as_deref(), Some("2.0"));
    let error = packages.install(named("probe-deb=3.0")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
    assert!(error.to_string().contains("3.0"), "{error}");
    packages.uninstall(&["probe-deb"]).await.unwrap();
    assert!(packages.list().await.unwrap().is_empty());
    assert!(!sh(&environment, "[ -e /opt/probe ]").await.exit.success());
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0, "something is left");
}

#[test]
fn user_installs_with_apt_only_with_other_users() {
    let test = "system_packages::apt_installs_upgrades_and_removes";
    as_ordinary_user(test);
    as_user_with_others(test);
}

/// Copies a directory out of the environment, for new ones.
async fn taken(environment: &Environment, path: &str, to: &Path) -> CopyIn {
    let source = to.join(path.trim_start_matches('/').replace('/', "-"));
    environment.copy_out(path, &source).await.unwrap();
    CopyIn {
        source,
        target: path.to_owned(),
    }
}

#[tokio::test]
async fn lock_installs_the_versions_of_apt() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    if !has(&environment, "apt-get dpkg-deb sha256sum").await || !has_users() {
        return;
    }
    printed(&environment, SETUP).await;
    let before = fixture.manager.lock(&environment).await.unwrap();
    assert_eq!(before.packages["apt"], []);
    let directory = tempfile::tempdir().unwrap();
    let mut spec = EnvironmentSpec::default();
    for path in [
        "/etc/apt",
        "/var/lib/dpkg",
        "/var/lib/apt",
        "/var/cache/apt",
        "/repository",
    ] {
        spec.copies
            .push(taken(&environment, path, directory.path()).await);
    }
    let packages = environment.packages(PackageManager::Apt);
    packages.install(named("probe-deb=1.0")).await.unwrap();
    let lock = fixture.manager.lock(&environment).await.unwrap();
    let locked: Vec<_> = lock.packages["apt"]
        .iter()
        .map(|one| one.version.as_str())
        .collect();
    assert_eq!(locked, ["1.0"], "and not the newest one");

    let selection = fixture.manager.select(&EngineChoice::Auto, &spec).await.unwrap();
    let verified = fixture
        .manager
        .verify(&selection, &spec, &lock)
        .await
        .unwrap_err();
    assert_eq!(verified.kind(), ErrorKind::Conflict, "{verified}");
    assert!(
        verified.to_string().contains("apt: probe-deb: removed 1.0"),
        "{verified}"
    );
    let sources = PackageSources::default();
    let made = fixture
        .manager
        .create_locked(&selection, spec.clone(), &lock, &sources)
        .await
        .unwrap();
    assert_eq!(printed(&made, "cat /opt/probe/version").await, "1.0");
    made.destroy().await.unwrap();

    // A version that the repository does not have any more.
    let left = fixture.left();
    let text = serde_json::to_string(&lock)
        .unwrap()
        .replace("\"1.0\"", "\"0.9\"");
    let gone = EnvironmentLock::from_json(&text).unwrap();
    let error = fixture
        .manager
        .create_locked(&selection, spec, &gone, &sources)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("0.9"), "{error}");
    assert_eq!(fixture.left(), left, "something is left");
    environment.destroy().await.unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
}

/// Packs a package with one program.
const NPM: &str = r#"set -e
mkdir -p /src/probe && cd /src/probe
echo '{"name": "probe-local", "version": "VERSION", "bin": {"probe-local": "main.js"}}' >package.json
printf '#!/usr/bin/env node\nconsole.log("VERSION")\n' >main.js
npm pack --offline --silent --pack-destination /src"#;

#[tokio::test]
async fn npm_installs_upgrades_and_removes() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    // The programs of this machine are read-only.
    let spec = EnvironmentSpec {
        env: [
            ("npm_config_prefix", "/opt/npm"),
            ("PATH", "/opt/npm/bin:/usr/local/bin:/usr/bin:/bin"),
        ]
        .into(),
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    if !has(&environment, "npm node").await {
        return;
    }
    let packages = environment.packages(PackageManager::Npm);
    let none = packages.list().await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    for version in ["1.0.0", "2.0.0"] {
        printed(&environment, &NPM.replace("VERSION", version)).await;
        let options = InstallPackages {
            index: PackageIndex::None,
            ..named(&format!("/src/probe-local-{version}.tgz"))
        };
        packages.install(options).await.unwrap();
        assert_eq!(printed(&environment, "probe-local").await, version);
        let found = self::version(&environment, PackageManager::Npm, "probe-local").await;
        assert_eq!(found.as_deref(), Some(version));
    }
    // Without an index, nothing is asked for it.
    let missing = InstallPackages {
        index: PackageIndex::None,
        ..named("left-pad")
    };
    let error = packages.install(missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
    assert!(error.to_string().contains("ENOTCACHED"), "{error}");
    packages.uninstall(&["probe-local"]).await.unwrap();
    assert!(packages.list().await.unwrap().is_empty());
    environment.destroy().await.unwrap();
}

#[test]
fn user_installs_with_npm() {
    as_ordinary_user("system_packages::npm_installs_upgrades_and_removes");
}
