//! What commands of an environment can leave behind, and what its end must not touch.

use std::fs;
use std::path::Path;

use isolation::engines::basic::BasicEngine;
use isolation::{Command, CopySource, EngineChoice, Environment, EnvironmentSpec, Manager, Registry};

fn manager(base: &Path) -> Manager {
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(base)).unwrap();
    Manager::new(registry)
}

async fn active(manager: &Manager) -> Environment {
    let created = manager.create(&EngineChoice::Auto, EnvironmentSpec::default());
    created.await.unwrap()
}

async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await.unwrap();
    assert_eq!(output.exit.code, 0, "{script}: {}", output.stderr_text());
    output.stdout_text()
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Only root can mount; without root, nothing can be mounted inside.
#[cfg(target_os = "linux")]
fn can_mount() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg(directory.path());
        command.output().is_ok_and(|output| output.status.success())
    };
    run("mount", &["-t", "tmpfs", "none"]) && run("umount", &[])
}

/// The removal went into the mount and emptied it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn mounts_inside_are_unmounted_and_keep_their_files() {
    if !can_mount() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let precious = tempfile::tempdir_in(base.path()).unwrap();
    fs::write(precious.path().join("file"), "precious").unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let from = precious.path().display();
    let script = format!(
        "mkdir 'a b' c; mount --bind {from} 'a b'; mount -t tmpfs none c; mkdir c/d; \
         mount --bind {from} c/d; touch file; mount --bind {from}/file file; \
         sh -c 'cd \"a b\"; exec sleep 1000' >/dev/null 2>&1 &"
    );
    sh(&environment, &script).await;
    environment.destroy().await.unwrap();
    assert_eq!(entries(base.path()), 1);
    let kept = fs::read(precious.path().join("file")).unwrap();
    assert_eq!(kept, b"precious");
}

/// `copy_in` wrote through a hard link that a command had made.
#[tokio::test]
async fn bytes_replace_a_hard_link_and_a_pipe() {
    let base = tempfile::tempdir().unwrap();
    let precious = base.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    sh(
        &environment,
        &format!("ln {} hard; mkfifo pipe", precious.display()),
    )
    .await;
    for target in ["hard", "pipe"] {
        environment
            .copy_in(CopySource::bytes("new"), target)
            .await
            .unwrap();
        assert_eq!(sh(&environment, &format!("cat {target}")).await, "new");
    }
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

/// `copy_out` wrote through a link at the target.
#[tokio::test]
async fn copy_out_replaces_a_link_to_a_file() {
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name);
    fs::write(at("precious"), "precious").unwrap();
    std::os::unix::fs::symlink(at("precious"), at("link")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    std::os::unix::fs::symlink(at("directory"), at("to-directory")).unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    sh(&environment, "echo new > file; mkdir d; echo new > d/file").await;
    environment.copy_out("file", at("link")).await.unwrap();
    assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
    assert_eq!(fs::read(at("link")).unwrap(), b"new\n");
    environment.copy_out("d", at("to-directory")).await.unwrap();
    assert_eq!(fs::read(at("directory/file")).unwrap(), b"new\n");
}
