//! Lock files of packages: written from one environment, installed in another.

use isolation::engines::virtualenv::VirtualenvOptions;
use isolation::packages::{InstallPackages, LockFormat, PackageIndex, PackageManager};
use isolation::{CopySource, Environment, ErrorKind};

use crate::engine::{Fixture, printed};
use crate::packages::{from_wheels, wheel};

/// Names and versions, without pip.
async fn installed(environment: &Environment) -> Vec<String> {
    let found = environment.packages(PackageManager::Pip).list().await.unwrap();
    let own = found.iter().filter(|one| !one.is_named("pip"));
    own.map(|one| format!("{} {}", one.name, one.version)).collect()
}

/// Installs a file that no index completes.
async fn install(environment: &Environment, manager: PackageManager, file: &str) -> isolation::Result<()> {
    let options = InstallPackages {
        requirements: vec![file.to_owned()],
        index: PackageIndex::None,
        find_links: vec!["./wheels".into()],
        require_hashes: true,
        ..InstallPackages::default()
    };
    environment.packages(manager).install(options).await.map(drop)
}

#[tokio::test]
async fn exported_packages_are_installed_again() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    wheel(&environment, "probe_base", "1.0", &[]).await;
    wheel(&environment, "probe_base", "2.0", &[]).await;
    wheel(&environment, "probe_top", "1.0", &["probe-base<2"]).await;
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-top"])).await.unwrap();
    let before = installed(&environment).await;
    assert_eq!(before, ["probe_base 1.0", "probe_top 1.0"]);

    let lock = packages.export(LockFormat::Pylock, "./wheels").await.unwrap();
    assert!(
        lock.starts_with("lock-version = \"1.0\"\n") && !lock.contains("\"pip\""),
        "{lock}"
    );
    let requirements = packages
        .export(LockFormat::Requirements, "./wheels")
        .await
        .unwrap();
    assert!(
        requirements.contains("probe-base==1.0 \\\n    --hash=sha256:"),
        "{requirements}"
    );

    let files = [
        ("pylock.toml", &lock),
        ("pylock.dev.toml", &lock),
        ("locked.txt", &requirements),
    ];
    let wheels = tempfile::tempdir().unwrap();
    let target = wheels.path().join("wheels");
    environment.copy_out("wheels", &target).await.unwrap();
    let uv = std::process::Command::new("uv").arg("--version").output().is_ok();
    let managers = [PackageManager::Pip, PackageManager::Uv];
    for manager in managers
        .into_iter()
        .filter(|one| *one == PackageManager::Pip || uv)
    {
        for (name, text) in files {
            // uv is that of this machine.
            let options = VirtualenvOptions {
                host_path: manager == PackageManager::Uv,
                ..VirtualenvOptions::default()
            };
            let other = fixture.create(options).await.unwrap();
            let wheels = CopySource::Path(wheels.path().join("wheels"));
            other.copy_in(wheels, "wheels").await.unwrap();
            other
                .copy_in(CopySource::bytes(text.as_bytes().to_vec()), name)
                .await
                .unwrap();
            install(&other, manager, name).await.unwrap();
            assert_eq!(installed(&other).await, before, "{manager:?} {name}");
            other.destroy().await.unwrap();
        }
    }
    // The file of a changed archive is refused, and nothing is installed.
    let other = fixture.environment().await;
    wheel(&other, "probe_base", "1.0", &["nothing"]).await;
    wheel(&other, "probe_top", "1.0", &["probe-base<2"]).await;
    other
        .copy_in(CopySource::bytes(lock.into_bytes()), "pylock.toml")
        .await
        .unwrap();
    install(&other, PackageManager::Pip, "pylock.toml")
        .await
        .unwrap_err();
    assert!(installed(&other).await.is_empty());
}

#[tokio::test]
async fn lock_file_that_is_incomplete_is_named() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    wheel(&environment, "probe_base", "1.0", &[]).await;
    let packages = environment.packages(PackageManager::Pip);
    packages.install(from_wheels(&["probe-base"])).await.unwrap();
    printed(&environment, &["mkdir", "empty"]).await;
    let export = packages.export(LockFormat::Pylock, "./empty").await;
    let error = export.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("no archive of probe-base 1.0"),
        "{error}"
    );
    let nowhere = packages
        .export(LockFormat::Pylock, "./nowhere")
        .await
        .unwrap_err();
    assert!(nowhere.to_string().contains("./nowhere"), "{nowhere}");

    let version = "lock-version = \"2.0\"\n";
    let without = "lock-version = \"1.0\"\n[[packages]]\nname = \"probe-base\"\nversion = \"1.0\"\n";
    let option = "lock-version = \"1.0\"\n[[packages]]\nname = \"--pre\"\nversion = \"1\"\n\
                  [[packages.wheels]]\nname = \"x\"\npath = \"x\"\nhashes = {sha256 = \"00\"}\n";
    for (text, part) in [
        ("lock-version = ", "cannot be read"),
        (version, "has the version 2.0"),
        (without, "probe-base in pylock.toml has no version with archives"),
        (option, "is not a lock file"),
    ] {
        let text = CopySource::bytes(text.as_bytes().to_vec());
        environment.copy_in(text, "pylock.toml").await.unwrap();
        let error = install(&environment, PackageManager::Pip, "pylock.toml")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let apt = environment.packages(PackageManager::Apt);
    let error = apt.export(LockFormat::Pylock, ".").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
