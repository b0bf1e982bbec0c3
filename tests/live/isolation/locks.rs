//! Locks of containers: Python packages that were added are installed again, exactly.

use std::path::Path;

use engine_api::images::CommitImage;
use isolation::engines::virtualenv::VirtualenvEngine;
use isolation::packages::{InstallPackages, PackageIndex, PackageManager, PackageSources};
use isolation::{CopyIn, CopySource, EngineChoice, EnvironmentSpec, ErrorKind, Manager, Registry};

use super::migrate::image_with_python;
use super::{active, manager, of_image, remove_image, sh};
use crate::support::{Subject, engines, one_line};

/// Writes two wheels, of which one needs the other.
const WHEELS: &str = "import os, sys, zipfile
os.makedirs(sys.argv[1])
for name, need in [('probe_base', ''), ('probe_top', 'Requires-Dist: probe-base\\n')]:
    info = f'{name}-1.0.dist-info'
    files = {
        f'{name}.py': 'VERSION = 1\\n',
        f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n{need}',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    }
    files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(f'{sys.argv[1]}/{name}-1.0-py3-none-any.whl', 'w') as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
";

/// The pip of a virtual environment, in a directory.
async fn pip(to: &Path) {
    let mut registry = Registry::new();
    let engine = VirtualenvEngine::below(to).with_cache(to.join("cache"));
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);
    let made = manager
        .create(&EngineChoice::Auto, EnvironmentSpec::default())
        .await;
    let made = made.unwrap();
    let script = "mkdir pip && cp -r .venv/lib/python3*/site-packages/pip* pip";
    sh(&made, script).await;
    made.copy_out("pip", &to.join("pip")).await.unwrap();
    made.destroy().await.unwrap();
}

/// An image with Python and pip, whose packages no distribution manages.
async fn image_with_pip(subject: &Subject, pip: &Path) -> String {
    let python = image_with_python(subject).await;
    let (manager, prefix) = manager(subject);
    let made = active(&manager, of_image(&python)).await;
    made.copy_in(CopySource::Path(pip.to_owned()), "/pip")
        .await
        .unwrap();
    let script = "set -e
        place=$(python3 -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')
        mkdir -p $place && cp -r /pip/* $place && rm -r /pip
        rm -f $(python3 -c 'import sysconfig; print(sysconfig.get_path(\"stdlib\"))')/EXTERNALLY-MANAGED";
    sh(&made, script).await;
    let image = format!("{prefix}pip").to_lowercase();
    let commit = CommitImage {
        repo: image.clone(),
        ..CommitImage::default()
    };
    let name = made.inspect().await.unwrap().details["container"].clone();
    subject.docker.images().commit(&name, commit).await.unwrap();
    made.destroy().await.unwrap();
    remove_image(subject, &python).await;
    image
}

#[tokio::test]
async fn lock_installs_the_packages_that_were_added() {
    let directory = tempfile::tempdir().unwrap();
    pip(directory.path()).await;
    let wheels = directory.path().join("wheels");
    let written = std::process::Command::new("python3")
        .args(["-c", WHEELS])
        .arg(&wheels)
        .status();
    assert!(written.unwrap().success());
    for subject in engines() {
        let image = image_with_pip(&subject, &directory.path().join("pip")).await;
        let (manager, prefix) = manager(&subject);
        let mut spec = of_image(&image);
        spec.copies = vec![CopyIn {
            source: wheels.clone(),
            target: "/wheels".to_owned(),
        }];
        let first = active(&manager, spec.clone()).await;
        let options = InstallPackages {
            names: vec!["probe-top".into()],
            index: PackageIndex::None,
            find_links: vec!["/wheels".into()],
            ..InstallPackages::default()
        };
        let installed = first.packages(PackageManager::Pip).install(options).await;
        installed.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let lock = manager.lock(&first).await.unwrap();
        first.destroy().await.unwrap();
        let top = lock.packages["pip"].iter().find(|one| one.is_named("probe-top"));
        assert_eq!(top.unwrap().archives.len(), 1, "{}: {lock:?}", subject.name);

        let selection = manager.select(&EngineChoice::Auto, &spec).await.unwrap();
        let sources = PackageSources {
            index: PackageIndex::None,
            find_links: vec!["/wheels".into()],
            ..PackageSources::default()
        };
        let again = manager
            .create_locked(&selection, spec.clone(), &lock, &sources)
            .await;
        let again = again.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)));
        let told = sh(
            &again,
            "python3 -c 'import probe_base, probe_top; print(probe_base.VERSION)'",
        )
        .await;
        assert_eq!(told, "1", "{}", subject.name);
        again.destroy().await.unwrap();

        // Another archive, and none.
        let other = tempfile::tempdir().unwrap();
        let change = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'a') as wheel: wheel.writestr('trap.py', '')";
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .args([&wheels, &other.path().join("w")])
            .status();
        assert!(copied.unwrap().success());
        let base = other.path().join("w/probe_base-1.0-py3-none-any.whl");
        let changed = std::process::Command::new("python3")
            .args(["-c", change])
            .arg(&base)
            .status();
        assert!(changed.unwrap().success());
        spec.copies[0].source = other.path().join("w");
        let error = manager
            .create_locked(&selection, spec.clone(), &lock, &sources)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Engine, "{}: {error}", subject.name);
        assert!(
            error.to_string().to_lowercase().contains("hash"),
            "{}: {error}",
            subject.name
        );
        std::fs::remove_file(&base).unwrap();
        let error = manager
            .create_locked(&selection, spec, &lock, &sources)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("probe"), "{}: {error}", subject.name);
        subject.until_nothing_is_left(&prefix).await;
        remove_image(&subject, &image).await;
    }
}
