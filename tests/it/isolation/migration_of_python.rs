//! Migrations with an interpreter in the container that fails, and between engines that both have
//! paths of their own.

use std::path::Path;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault, Process};
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::{
    Command, Destination, Engine, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager,
    MigrateOptions, Mount, Registry,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, spec};

/// A container with a Python that describes itself with this text and ends with this code, and has
/// these packages.
fn with_python(facts: &str, code: i32, packages: &'static str) -> FakeEngine {
    let fake = FakeEngine::new().with_image(IMAGE);
    let facts = facts.to_owned();
    fake.on_command("python3", move |process: Process| {
        let facts = facts.clone();
        async move {
            let asks = |text: &str| process.argv.iter().any(|word| word.contains(text));
            if !asks("python_implementation") {
                process.write_stdout(packages).await;
                return 0;
            }
            match code {
                0 => process.write_stdout(&facts).await,
                _ => process.write_stderr(&facts).await,
            }
            code
        }
    });
    fake
}

fn facts(version: [u32; 3], is_virtual: bool) -> String {
    json!({
        "version": version,
        "implementation": "CPython",
        "abi": "cpython",
        "libc": ["glibc", "2.36"],
        "base": "/usr/bin/python3",
        "virtual": is_virtual,
        "prefix": "/usr",
        "packages": "lib/python3/site-packages",
        "path": "/usr/bin:/bin"
    })
    .to_string()
}

/// A package whose files are not those of a virtual environment.
const PACKAGES: &str = "six\u{1f}1.16.0\u{1f}pip\u{1f}1\u{1f}\u{1f}\u{1f}\u{1f}";

const SEEDS: &str = "pip\u{1f}24.0\u{1f}pip\u{1f}1\u{1f}\u{1f}\u{1f}\u{1f}";

fn manager(fake: &FakeEngine, base: &Path) -> Manager {
    let mut registry = Registry::new();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(docker).unwrap();
    registry.register(BasicEngine::below(base)).unwrap();
    let python = VirtualenvEngine::below(base).with_cache(base.join("cache"));
    registry.register(python).unwrap();
    Manager::new(registry)
}

async fn made(manager: &Manager, engine: &str, spec: EnvironmentSpec) -> Environment {
    let choice = EngineChoice::Named(engine.to_owned());
    let made = manager.create(&choice, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn of_work() -> MigrateOptions {
    MigrateOptions {
        directory: Some("/work".to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    }
}

#[tokio::test]
async fn interpreter_that_fails_ends_the_plan() {
    let base = tempfile::tempdir().unwrap();
    for (text, code, kind, words) in [
        (
            "one\nno memory",
            3,
            ErrorKind::Engine,
            "ended with exit code 3: no memory",
        ),
        ("nonsense", 0, ErrorKind::Corrupt, "gave no valid answer"),
    ] {
        let fake = with_python(text, code, "");
        let manager = manager(&fake, base.path());
        let source = made(&manager, "docker", spec()).await;
        source.run(Command::new(["mkdir", "/work"])).await.unwrap();
        let to = Destination::engine("basic");
        let planned = manager.plan_migration(&source, &to, &of_work()).await;
        let error = planned.unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(words), "{text}");
        source.destroy().await.unwrap();
        assert_eq!(fake.resources(), [""; 0]);
    }
}

#[tokio::test]
async fn python_of_an_image_has_nothing_to_move() {
    let base = tempfile::tempdir().unwrap();
    let fake = with_python(&facts([3, 11, 7], false), 0, SEEDS);
    let manager = manager(&fake, base.path());
    let source = made(&manager, "docker", spec()).await;
    let script = "mkdir /work && echo kept >/work/file";
    source.run(Command::shell(script)).await.unwrap();
    let to = Destination::engine("basic");
    let plan = manager.plan_migration(&source, &to, &of_work()).await.unwrap();
    assert!(plan.reinstalled.is_empty() && plan.blocked.is_empty(), "{plan:?}");
    let uses = plan.lost.iter().any(|lost| lost.what.contains("of Python"));
    assert!(!uses, "{plan:?}");
    source.destroy().await.unwrap();
}

/// No machine has this version, so the one of this machine is taken.
#[tokio::test]
async fn python_that_is_not_here_is_replaced() {
    let base = tempfile::tempdir().unwrap();
    let fake = with_python(&facts([3, 99, 0], false), 0, PACKAGES);
    let manager = manager(&fake, base.path());
    let source = made(&manager, "docker", spec()).await;
    source.run(Command::new(["mkdir", "/work"])).await.unwrap();
    let to = Destination::engine("virtualenv");
    let plan = manager.plan_migration(&source, &to, &of_work()).await;
    let plan = plan.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let packages: Vec<&str> = plan.reinstalled.iter().map(|one| one.package.as_str()).collect();
    assert_eq!(packages, ["six==1.16.0"], "{plan:?}");
    let why = &plan.reinstalled[0].why;
    assert!(why.contains("belong to the interpreter at /usr"), "{why}");
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn image_that_is_not_there_leaves_packages_undecided() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_registry_image("other:1");
    let manager = manager(&fake, base.path());
    let mut of_python = EnvironmentSpec::default();
    VirtualenvOptions {
        without_pip: true,
        ..VirtualenvOptions::default()
    }
    .add_to(&mut of_python);
    let source = made(&manager, "virtualenv", of_python).await;
    let options = MigrateOptions {
        image: Some("other:1".to_owned()),
        ..MigrateOptions::default()
    };
    let to = Destination::engine("docker");
    let plan = manager.plan_migration(&source, &to, &options).await;
    let plan = plan.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(plan.to.pulls && plan.moves.len() == 1, "{plan:?}");
    let undecided: Vec<&str> = plan.undecided.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(undecided.len(), 1, "{plan:?}");
    assert!(undecided[0].contains("of Python"), "{undecided:?}");
    assert!(fake.snapshot().images.is_empty(), "a plan pulls nothing");
    source.destroy().await.unwrap();
}

/// Both have the directory at the same path. Where something is mounted, the files are copied.
#[tokio::test]
async fn directory_of_a_sandbox_keeps_its_path() {
    use std::os::unix::fs::PermissionsExt;

    let base = tempfile::tempdir().unwrap();
    std::fs::set_permissions(base.path(), PermissionsExt::from_mode(0o711)).unwrap();
    let sandbox = SandboxEngine::below(base.path()).with_cache(base.path().join("images"));
    if !sandbox.probe().await.availability.is_available() {
        return; // Not every machine allows it.
    }
    let fake = FakeEngine::new().with_image(IMAGE);
    let mut registry = Registry::new();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(docker).unwrap();
    registry.register(sandbox).unwrap();
    let manager = Manager::new(registry);
    for mounts in [Vec::new(), vec![Mount::tmpfs("/scratch", None)]] {
        let wanted = EnvironmentSpec {
            mounts: mounts.clone(),
            ..EnvironmentSpec::default()
        };
        let source = made(&manager, "sandbox", wanted).await;
        let script = "mkdir -p /opt/work && cd /opt/work && echo kept >file && mkdir d && mkfifo pipe";
        let output = source.run(Command::shell(script)).await.unwrap();
        assert!(output.exit.success(), "{}", output.stderr_text());
        let options = MigrateOptions {
            directory: Some("/opt/work".to_owned()),
            image: Some(IMAGE.to_owned()),
            ..of_work()
        };
        let to = Destination::engine("docker");
        let done = manager.migrate(&source, &to, options).await;
        let done = done.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let moved = done.environment;
        let read = moved.run(Command::new(["cat", "/opt/work/file"])).await.unwrap();
        assert_eq!(read.stdout_text(), "kept\n");
        assert_eq!(moved.spec().mounts, mounts);
        assert_eq!(moved.spec().working_dir.as_deref(), Some("/opt/work"));
        moved.destroy().await.unwrap();
        source.destroy().await.unwrap();
    }
    assert_eq!(fake.resources(), [""; 0]);
}

/// Only root makes devices.
#[tokio::test]
async fn device_in_a_directory_does_not_move() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, base.path());
    let source = made(&manager, "basic", EnvironmentSpec::default()).await;
    let script = "echo kept >file && mknod null c 1 3";
    let output = source.run(Command::shell(script)).await.unwrap();
    if !output.exit.success() {
        return source.destroy().await.unwrap();
    }
    let options = MigrateOptions {
        image: Some(IMAGE.to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    };
    let done = manager
        .migrate(&source, &Destination::engine("docker"), options)
        .await;
    let done = done.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let lost: Vec<&str> = done.plan.lost.iter().map(|one| one.what.as_str()).collect();
    assert!(
        lost.iter().any(|lost| lost.contains("1 device: /null")),
        "{lost:#?}"
    );
    let moved = done.environment;
    let read = moved
        .run(Command::shell("cat file; test -e null || echo gone"))
        .await
        .unwrap();
    assert_eq!(read.stdout_text(), "kept\ngone\n");
    moved.destroy().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn refused_archive_leaves_only_the_source() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, base.path());
    let source = made(&manager, "basic", EnvironmentSpec::default()).await;
    source.run(Command::shell("echo kept >file")).await.unwrap();
    let options = MigrateOptions {
        image: Some(IMAGE.to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    };
    for _ in 0..5 {
        let full = Fault::internal_error("no space left on device");
        fake.fail_next("PUT", "/archive", full);
    }
    let to = Destination::engine("docker");
    let error = manager.migrate(&source, &to, options).await.unwrap_err();
    assert!(chain(&error).contains("no space left"), "{}", chain(&error));
    fake.reset();
    assert_eq!(fake.resources(), [""; 0]);
    let read = source.run(Command::new(["cat", "file"])).await.unwrap();
    assert_eq!(read.stdout_text(), "kept\n");
    source.destroy().await.unwrap();
}
