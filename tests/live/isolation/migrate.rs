//! Migrations between engines, and between two Docker daemons.

use std::path::Path;

use engine_api::Upload;
use engine_api::images::ImportImage;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::{DockerEngine, VolumeOptions};
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::packages::{PackageIndex, PackageManager};
use isolation::{
    Command, Destination, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, ErrorKind, Manager,
    MigrateOptions, Mount, Registry, Result,
};

use super::{active, sh, spec};
use crate::support::{IMAGE, Subject, engines, one_line};

/// A manager with the engines of this machine and a daemon, and the prefix of its containers.
fn manager(subject: &Subject, base: &Path) -> (Manager, String) {
    let prefix = format!("live_{}_", EnvironmentId::random().short());
    let docker = DockerEngine::new(subject.docker.clone());
    let mut registry = Registry::new();
    registry.register(docker.with_prefix(&prefix).unwrap()).unwrap();
    registry.register(BasicEngine::below(base)).unwrap();
    registry
        .register(VirtualenvEngine::below(base).with_cache(base.join("cache")))
        .unwrap();
    (Manager::new(registry), prefix)
}

async fn create(manager: &Manager, engine: &str, spec: EnvironmentSpec) -> Environment {
    let choice = EngineChoice::Named(engine.to_owned());
    manager.create(&choice, spec).await.unwrap()
}

fn migrated(subject: &Subject, outcome: Result<isolation::Migrated>) -> isolation::Migrated {
    outcome.unwrap_or_else(|error| panic!("{}: {}", subject.name, one_line(&error)))
}

const FILES: &str =
    "echo one >a && chmod 750 a && ln -s a l && mkdir -p d/e && echo two >d/e/f && touch -d @100 d/e/f";
const LOOK: &str = "find . | grep -Ev '^./(tmp|home)' | LC_ALL=C sort; stat -c '%n %a %Y' a d/e/f; cat a d/e/f; readlink l; echo $MODE";

#[tokio::test]
async fn files_move_into_a_container_and_back() {
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject, base.path());
        let spec = EnvironmentSpec {
            env: [("MODE", "test")].into(),
            ..EnvironmentSpec::default()
        };
        let source = create(&manager, "basic", spec).await;
        sh(&source, FILES).await;
        let before = sh(&source, LOOK).await;
        let options = MigrateOptions {
            image: Some(IMAGE.to_owned()),
            probe: Some(Command::shell("test \"$PWD\" = /work")),
            ..MigrateOptions::default()
        };
        let docker = Destination::engine("docker");
        let moved = migrated(&subject, manager.migrate(&source, &docker, options).await);
        assert_eq!(sh(&moved.environment, LOOK).await, before, "{}", subject.name);
        // Changes outside of the directory belong to the container.
        sh(&moved.environment, "echo new >b && echo x >/etc/own").await;
        let there = sh(&moved.environment, LOOK).await;
        let basic = Destination::engine("basic");
        let back = manager.migrate(&moved.environment, &basic, MigrateOptions::default());
        let back = migrated(&subject, back.await);
        assert_eq!(sh(&back.environment, LOOK).await, there, "{}", subject.name);
        let lost: Vec<&str> = back.plan.lost.iter().map(|left| left.what.as_str()).collect();
        assert!(
            lost.iter().any(|what| what.contains("/etc/own")),
            "{}: {lost:?}",
            subject.name
        );
        assert_eq!(sh(&source, LOOK).await, before, "the source is untouched");
        // A failure leaves nothing in the target.
        let options = MigrateOptions {
            image: Some(IMAGE.to_owned()),
            probe: Some(Command::shell("false")),
            ..MigrateOptions::default()
        };
        manager.migrate(&source, &docker, options).await.unwrap_err();
        moved.environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// The image is in no registry: a pull would fail.
#[tokio::test]
async fn plan_pulls_no_image() {
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject, base.path());
        let options = MigrateOptions {
            image: Some(format!("localhost/{}:1", EnvironmentId::random())),
            ..MigrateOptions::default()
        };
        let mut spec = EnvironmentSpec::default();
        VirtualenvOptions {
            without_pip: true,
            ..VirtualenvOptions::default()
        }
        .add_to(&mut spec);
        let source = create(&manager, "virtualenv", spec).await;
        let made = source.run(Command::new(["python", "-c", PACKAGE])).await.unwrap();
        assert!(made.exit.success(), "{}", made.stderr_text());
        let docker = Destination::engine("docker");
        let plan = manager.plan_migration(&source, &docker, &options).await.unwrap();
        assert_eq!(plan.to.image, options.image, "{}", subject.name);
        assert!(plan.to.pulls && plan.blocked.is_empty(), "{plan:?}");
        assert!(plan.undecided[0].what.ends_with(" of Python"), "{plan:?}");
        // With an image that the daemon has, everything is decided.
        let there = MigrateOptions {
            image: Some(IMAGE.to_owned()),
            ..options.clone()
        };
        let plan = manager.plan_migration(&source, &docker, &there).await.unwrap();
        assert!(!plan.to.pulls && plan.undecided.is_empty(), "{plan:?}");
        assert!(subject.containers(&prefix).await.is_empty(), "{}", subject.name);
        // The migration itself pulls.
        manager.migrate(&source, &docker, options).await.unwrap_err();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn directory_of_the_system_is_refused() {
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let (manager, _) = manager(&subject, base.path());
        let source = create(&manager, "docker", spec()).await;
        let basic = Destination::engine("basic");
        let plan = manager
            .plan_migration(&source, &basic, &MigrateOptions::default())
            .await;
        let error = plan.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("--directory"), "{error}");
        let error = manager
            .migrate(&source, &Destination::engine("docker"), MigrateOptions::default())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("already"), "{error}");
        source.destroy().await.unwrap();
    }
}

/// Each daemon and the next one; with only one there is nothing to test.
#[tokio::test]
async fn everything_moves_to_another_daemon() {
    let subjects = engines();
    for (number, subject) in subjects.iter().enumerate() {
        let other = &subjects[(number + 1) % subjects.len()];
        if other.name == subject.name {
            continue;
        }
        let base = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(subject, base.path());
        let volumes = manager
            .registry()
            .get_as::<DockerEngine>("docker")
            .unwrap()
            .volumes();
        let volume = volumes.create(VolumeOptions::default()).await.unwrap();
        let wanted = EnvironmentSpec {
            env: [("MODE", "test")].into(),
            mounts: vec![Mount::volume(volume.on_daemon(), "/data")],
            working_dir: Some("/srv".into()),
            ..spec()
        };
        let source = active(&manager, wanted).await;
        let look = format!(
            "{LOOK}; cat /data/x /etc/own; stat -c '%u:%g %a' /data/x; stat -c '%F %u:%g %a %h' o n p"
        );
        sh(&source, FILES).await;
        sh(
            &source,
            "echo x >/etc/own && echo v >/data/x && chown 5:6 /data/x && mkfifo p && echo o >o && \
             chown 7:8 o && chmod 4755 o && ln o n",
        )
        .await;
        let before = sh(&source, &look).await;
        let to = Destination::at("docker", other.docker.address());
        let moved = manager.migrate(&source, &to, MigrateOptions::default()).await;
        let moved = migrated(subject, moved);
        let names = format!("{} -> {}", subject.name, other.name);
        assert_eq!(sh(&moved.environment, &look).await, before, "{names}");
        assert!(!other.containers(&prefix).await.is_empty(), "{names}");
        let options = MigrateOptions {
            probe: Some(Command::shell("exit 3")),
            ..MigrateOptions::default()
        };
        let error = manager.migrate(&source, &to, options).await.unwrap_err();
        assert!(error.to_string().contains("exit code 3"), "{error}");
        moved.environment.destroy().await.unwrap();
        other.until_nothing_is_left(&prefix).await;
        assert_eq!(sh(&source, &look).await, before, "{names}");
        source.destroy().await.unwrap();
        volume.remove().await.unwrap();
    }
}

/// A package with a script and a compiled module's tag, as an installer writes them.
const PACKAGE: &str = "import os, sys, sysconfig
site, bin = sysconfig.get_path('purelib'), sysconfig.get_path('scripts')
info = f'{site}/probe-1.0.dist-info'
os.makedirs(info)
open(f'{site}/probe.py', 'w').write('import sys\\ndef main(): print(sys.prefix)\\n')
open(f'{bin}/probe', 'w').write(f'#!{sys.prefix}/bin/python\\nimport probe\\nprobe.main()\\n')
os.chmod(f'{bin}/probe', 0o755)
open(f'{info}/METADATA', 'w').write('Metadata-Version: 2.1\\nName: probe\\nVersion: 1.0\\n')
open(f'{info}/RECORD', 'w').write('../../../bin/probe,,\\nprobe.py,,\\n')
";

/// Imports an image of BusyBox and the Python of this machine's system. Returns its name.
pub(super) async fn image_with_python(subject: &Subject) -> String {
    let (manager, prefix) = super::manager(subject);
    let busybox = active(&manager, spec()).await;
    let directory = tempfile::tempdir().unwrap();
    busybox
        .copy_out("/bin", directory.path().join("root/bin"))
        .await
        .unwrap();
    busybox.destroy().await.unwrap();
    let script = "set -e; mkdir -p root/usr/bin root/tmp root/proc root/dev root/etc root/root
        python=$(/usr/bin/python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
        library=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path(\"stdlib\"))')
        { echo $python; echo $library; ldd $python $library/lib-dynload/*.so |
          grep -o '/[^ ]*\\.so[^ ]*' | grep -v :; } | sort -u | tar -C / -ch --exclude __pycache__ \
          --exclude test --exclude dist-packages --files-from - | tar -C root -x
        ln -sf $python root/usr/bin/python3; tar -C root -cf image.tar .";
    let made = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let image = format!("{prefix}python").to_lowercase();
    let import = ImportImage {
        repo: image.clone(),
        tag: "latest".to_owned(),
        ..ImportImage::default()
    };
    let tar = tokio::fs::File::open(directory.path().join("image.tar"))
        .await
        .unwrap();
    let imported = subject.docker.images().import(Upload::reader(tar), import).await;
    imported.unwrap().last().await.unwrap();
    image
}

#[tokio::test]
async fn virtual_environment_moves_to_docker_and_back() {
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let (manager, prefix) = manager(&subject, base.path());
        let image = image_with_python(&subject).await;
        let source = create(&manager, "virtualenv", EnvironmentSpec::default()).await;
        let run = async |environment: &Environment, argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            let output = environment.run(Command::new(argv)).await.unwrap();
            assert!(
                output.exit.success(),
                "{}: {}",
                subject.name,
                output.stderr_text()
            );
            output.stdout_text().trim().to_owned()
        };
        run(&source, &["python", "-c", PACKAGE]).await;
        let packages = source.packages(PackageManager::Pip).list().await.unwrap();
        let options = MigrateOptions {
            image: Some(image.clone()),
            ..MigrateOptions::default()
        };
        let docker = Destination::engine("docker");
        let plan = manager.plan_migration(&source, &docker, &options).await.unwrap();
        // The interpreters are those of one machine: of one version or not.
        let fits = plan.reinstalled.is_empty();
        if fits {
            let moved = migrated(&subject, manager.migrate(&source, &docker, options).await);
            assert_eq!(run(&moved.environment, &["probe"]).await, "/work/.venv");
            let there = moved.environment.packages(PackageManager::Pip).list().await;
            assert_eq!(there.unwrap(), packages, "{}", subject.name);
            let back = Destination::engine("virtualenv");
            let back = manager.migrate(&moved.environment, &back, MigrateOptions::default());
            let back = migrated(&subject, back.await);
            let prefix = run(&back.environment, &["probe"]).await;
            assert!(
                prefix.starts_with(base.path().to_str().unwrap()),
                "{}: {prefix}",
                subject.name
            );
            let again = back.environment.packages(PackageManager::Pip).list().await;
            assert_eq!(again.unwrap(), packages, "{}", subject.name);
            moved.environment.destroy().await.unwrap();
        } else {
            // Nothing has the package, so that it cannot be installed again: nothing is left.
            let options = MigrateOptions {
                index: PackageIndex::None,
                ..options
            };
            assert!(plan.reinstalled.iter().any(|one| one.package == "probe==1.0"));
            manager.migrate(&source, &docker, options).await.unwrap_err();
        }
        // An image without Python loses the packages, and is refused.
        let options = MigrateOptions {
            image: Some(IMAGE.to_owned()),
            ..MigrateOptions::default()
        };
        let error = manager.migrate(&source, &docker, options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("has no Python"), "{error}");
        assert!(
            run(&source, &["probe"])
                .await
                .starts_with(base.path().to_str().unwrap())
        );
        subject.until_nothing_is_left(&prefix).await;
        super::remove_image(&subject, &image).await;
    }
}
