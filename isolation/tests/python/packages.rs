use isolation::engines::virtualenv::VirtualenvOptions;
use isolation::packages::{InstallPackages, PackageIndex, PackageManager, differences};
use isolation::{Command, CopySource, Environment, ErrorKind};

use crate::engine::{Fixture, printed};

/// Writes a wheel of a package with one module and one script.
const WHEEL: &str = "import sys, zipfile
name, version, *needs = sys.argv[1:]
info = f'{name}-{version}.dist-info'
files = {
    f'{name}/__init__.py': f'VERSION = {version!r}\\ndef main(): print(VERSION)\\n',
    f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n'
        + ''.join(f'Requires-Dist: {need}\\n' for need in needs),
    f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    f'{info}/entry_points.txt': f'[console_scripts]\\n{name}-script = {name}:main\\n',
}
record = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
with zipfile.ZipFile(f'wheels/{name}-{version}-py3-none-any.whl', 'w') as wheel:
    for path, text in {**files, f'{info}/RECORD': record}.items():
        wheel.writestr(path, text)
";

pub(crate) async fn wheel(environment: &Environment, name: &str, version: &str, needs: &[&str]) {
    printed(environment, &["mkdir", "-p", "wheels"]).await;
    let start = ["python", "-c", WHEEL, name, version];
    printed(environment, &[&start[..], needs].concat()).await;
}

/// Packages of the wheels that were written.
pub(crate) fn from_wheels(names: &[&str]) -> InstallPackages {
    InstallPackages {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        index: PackageIndex::None,
        find_links: vec!["./wheels".into()],
        ..InstallPackages::default()
    }
}

#[tokio::test]
async fn packages_are_installed_listed_and_removed() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    wheel(&environment, "probe_base", "1.0", &[]).await;
    wheel(&environment, "probe_base", "2.0", &[]).await;
    wheel(&environment, "probe_top", "1.0", &["probe-base<2"]).await;
    let packages = environment.packages(PackageManager::Pip);
    let before = packages.list().await.unwrap();
    assert!(before.iter().any(|one| one.is_named("pip")), "{before:?}");

    packages.install(from_wheels(&["probe-top"])).await.unwrap();
    let after = packages.list().await.unwrap();
    let changes: Vec<_> = differences(PackageManager::Pip, &before, &after)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changes, ["probe_base: added 1.0", "probe_top: added 1.0"]);
    let top = after.iter().find(|one| one.is_named("Probe.Top")).unwrap();
    assert_eq!(
        (top.installer.as_deref(), top.requested, top.inherited),
        (Some("pip"), true, false)
    );
    let base = after.iter().find(|one| one.is_named("probe-base")).unwrap();
    assert!(!base.requested, "it was installed for another one");
    assert_eq!(printed(&environment, &["probe_top-script"]).await, "1.0");

    let newer = InstallPackages {
        upgrade: true,
        ..from_wheels(&["probe_base"])
    };
    packages.install(newer).await.unwrap();
    assert_eq!(printed(&environment, &["probe_base-script"]).await, "2.0");
    packages.uninstall(&["PROBE_TOP", "probe.base"]).await.unwrap();
    assert_eq!(packages.list().await.unwrap(), before);
    let error = packages.uninstall(&["probe-top"]).await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("probe-top"),
        "{error}"
    );
}

#[tokio::test]
async fn failed_installation_leaves_everything_as_it_was() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    wheel(&environment, "probe_base", "1.0", &[]).await;
    wheel(&environment, "probe_top", "1.0", &["no-such-package"]).await;
    let packages = environment.packages(PackageManager::Pip);
    let before = packages.list().await.unwrap();
    let error = packages
        .install(from_wheels(&["probe_base", "probe_top"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(error.to_string().contains("no-such-package"), "{error}");
    let hashed = InstallPackages {
        require_hashes: true,
        ..from_wheels(&["probe_base"])
    };
    let error = packages.install(hashed).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("hash"), "{error}");
    assert_eq!(packages.list().await.unwrap(), before);
}

#[tokio::test]
async fn index_with_credentials_is_in_no_error() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let packages = environment.packages(PackageManager::Pip);
    let mut events = fixture.manager.subscribe();
    wheel(&environment, "probe_base", "1.0", &[]).await;
    let address = || PackageIndex::Address("http://me:hunter2@127.0.0.1:9/simple".into());
    // Nothing listens there.
    let missing = InstallPackages {
        index: address(),
        ..from_wheels(&["probe-missing"])
    };
    let error = packages.install(missing).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("probe-missing") && !text.contains("hunter2"),
        "{text}"
    );
    let found = InstallPackages {
        index: address(),
        names: vec!["./wheels/probe_base-1.0-py3-none-any.whl".into()],
        ..from_wheels(&[])
    };
    packages.install(found).await.unwrap();
    // A file of another tool.
    let note = "import importlib.metadata as m, os
info = m.distribution('probe-base')._path
open(os.path.join(info, 'direct_url.json'), 'w').write('{\"url\": \"https://me:hun' + 'ter2@h/x.whl\"}')";
    printed(&environment, &["python", "-c", note]).await;
    let directory = tempfile::tempdir().unwrap();
    let store = isolation::snapshots::SnapshotStore::open(Some(directory.path())).unwrap();
    let options = isolation::snapshots::SnapshotOptions {
        packages: true,
        ..Default::default()
    };
    let saved = environment.snapshot(&store, options).await.unwrap().snapshot;
    let lock = fixture.manager.lock(&environment).await.unwrap();
    let shown = serde_json::to_string(&(&saved.manifest, &lock)).unwrap();
    assert!(
        shown.contains("probe_base") && !shown.contains("hunter2"),
        "{shown}"
    );
    environment.destroy().await.unwrap();
    loop {
        let event = events.next().await.unwrap().unwrap();
        let text = format!("{event:?} {}", serde_json::to_string(&event).unwrap());
        assert!(!text.contains("hunter2"), "{text}");
        if text.contains("Destroyed") {
            break;
        }
    }
}

/// A requirement file can hold options; pip reads those that change the index, not those that write
/// elsewhere.
#[tokio::test]
async fn requirement_file_with_options_writes_nowhere_else() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let outside = tempfile::tempdir().unwrap();
    for option in ["--target", "--prefix", "--root"] {
        let text = format!("{option}={}\nprobe-base\n", outside.path().display());
        let content = CopySource::bytes(text.into_bytes());
        environment.copy_in(content, "requirements.txt").await.unwrap();
        let options = InstallPackages {
            requirements: vec!["./requirements.txt".into()],
            ..from_wheels(&[])
        };
        let error = environment
            .packages(PackageManager::Pip)
            .install(options)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(option), "{option}: {error}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn package_of_the_interpreter_is_not_removed() {
    let fixture = Fixture::new();
    let options = VirtualenvOptions {
        system_site_packages: true,
        without_pip: true,
        ..VirtualenvOptions::default()
    };
    let environment = fixture.create(options).await.unwrap();
    let packages = environment.packages(PackageManager::Pip);
    let all = packages.list().await.unwrap();
    if let Some(inherited) = all.iter().find(|one| one.inherited) {
        let error = packages.uninstall(&[&inherited.name]).await.unwrap_err();
        assert!(
            error.to_string().contains("belongs to the interpreter"),
            "{error}"
        );
    }
    assert_eq!(packages.list().await.unwrap(), all);
}

/// They were installed for all users of this host, if the test ran as root.
#[tokio::test]
async fn packages_of_this_host_are_not_changed() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let base = tempfile::tempdir().unwrap();
    let mut registry = isolation::Registry::new();
    let engine = isolation::engines::basic::BasicEngine::below(base.path());
    registry.register(engine).unwrap();
    let basic = isolation::Manager::new(registry);
    let spec = isolation::EnvironmentSpec::default();
    let on_host = basic.create(&isolation::EngineChoice::Auto, spec).await.unwrap();
    for (environment, manager) in [
        (&environment, PackageManager::Apt),
        (&environment, PackageManager::Apk),
        (&environment, PackageManager::Npm),
        (&on_host, PackageManager::Pip),
        (&on_host, PackageManager::Apt),
    ] {
        let packages = environment.packages(manager);
        let options = InstallPackages {
            names: vec!["no-such-package".into()],
            ..InstallPackages::default()
        };
        for error in [
            packages.install(options).await.unwrap_err(),
            packages.uninstall(&["no-such-package"]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("of this host"), "{error}");
        }
    }
}

#[tokio::test]
async fn missing_package_manager_is_not_found() {
    let fixture = Fixture::new();
    let options = VirtualenvOptions {
        without_pip: true,
        ..VirtualenvOptions::default()
    };
    let environment = fixture.create(options).await.unwrap();
    let error = environment
        .packages(PackageManager::Apk)
        .list()
        .await
        .unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("apk"),
        "{error}"
    );
    let error = environment
        .packages(PackageManager::Pip)
        .install(from_wheels(&["x"]))
        .await
        .unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("no pip"),
        "{error}"
    );
    assert!(
        environment
            .run(Command::new(["true"]))
            .await
            .unwrap()
            .exit
            .success()
    );
}
