//! Leftovers of commands of an environment, and things that its end must not touch.

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

/// The removal went into the mount and emptied it.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "mounts directories, so it needs root"]
async fn mounts_inside_are_unmounted_and_keep_their_files() {
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

/// Such a process survived: it was found by a variable only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_with_an_empty_environment_end() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let script = "start() { setsid env -i sh -c \"$1\" >/dev/null 2>&1 & }
        start 'echo $$ > a; exec sleep 1000'
        start 'echo $$ > b; exec 3<b; cd /; exec sleep 1000'
        setsid sh -c 'cd /; env -i sh -c \"echo \\$\\$ > $PWD/c; exec sleep 1000\"; true' >/dev/null 2>&1 &
        for f in a b; do while [ ! -s $f ]; do sleep 0.01; done; cat $f; done";
    let script = script.replace("$PWD/c", &format!("{}/c", root(&environment).await));
    let mut pids: Vec<String> = sh(&environment, &script).await.lines().map(Into::into).collect();
    let third = "while [ ! -s c ]; do sleep 0.01; done; cat c";
    pids.push(sh(&environment, third).await.trim().to_owned());
    assert!(pids.iter().all(|pid| runs(pid)), "{pids:?}");
    environment.destroy().await.unwrap();
    for pid in &pids {
        assert!(!runs(pid), "{pids:?}");
    }
}

#[cfg(target_os = "linux")]
async fn root(environment: &Environment) -> String {
    sh(environment, "echo $ISOLATION_ROOT").await.trim().to_owned()
}

#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with(['R', 'S', 'D']))
}

/// The processes of a killed owner ran on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_end_with_their_owner_unless_kept() {
    let base = tempfile::tempdir().unwrap();
    for keep in ["", "keep"] {
        // This test program again, as the owner.
        let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "destroy::owner_in_another_process",
                "--include-ignored",
            ])
            .env("OWNER_BASE", base.path())
            .env("OWNER_KEEP", keep)
            .spawn()
            .unwrap();
        let pids = base.path().join(format!("pids-{keep}"));
        while !pids.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let pids: Vec<String> = fs::read_to_string(pids)
            .unwrap()
            .lines()
            .map(Into::into)
            .collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| runs(pid)), "{pids:?}");
        owner.kill().unwrap();
        owner.wait().unwrap();
        if keep.is_empty() {
            while pids.iter().any(|pid| runs(pid)) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        } else {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            assert!(pids.iter().all(|pid| runs(pid)));
        }
    }
    let manager = manager(base.path());
    for left in manager.registry().list().await.0 {
        let left = manager.open(left.id.as_str()).await.unwrap();
        left.destroy().await.unwrap();
    }
}

/// Not a test by itself: [`processes_end_with_their_owner_unless_kept`] runs it in a process that
/// it kills.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "another test runs it"]
async fn owner_in_another_process() {
    let base = std::env::var_os("OWNER_BASE").unwrap();
    let base = Path::new(&base);
    let manager = manager(base);
    let environment = active(&manager).await;
    let keep = std::env::var("OWNER_KEEP").unwrap();
    if !keep.is_empty() {
        environment.keep().await.unwrap();
    }
    let script = "setsid sleep 1000 >/dev/null 2>&1 & echo $!; sleep 1000 >/dev/null 2>&1 & echo $!";
    let pids = sh(&environment, script).await;
    fs::write(base.join("new"), pids).unwrap();
    fs::rename(base.join("new"), base.join(format!("pids-{keep}"))).unwrap();
    std::future::pending::<()>().await;
}

/// A removal killed processes of this library that had a file of the environment open, such as two
/// collections of the same leftover each other.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn reader_of_files_outlives_the_environment() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let environment = active(&manager).await;
    let inside = sh(&environment, "echo x >file; pwd").await;
    let run = |test: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--include-ignored"])
            .env("READER_BASE", base.path())
            .env("READER_FILE", Path::new(inside.trim()).join("file"))
            .spawn()
            .unwrap()
    };
    let mut reader = run("destroy::reader_in_another_process");
    while !base.path().join("reads").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    environment.destroy().await.unwrap();
    assert!(reader.try_wait().unwrap().is_none(), "it was killed");
    reader.kill().unwrap();
    reader.wait().unwrap();
}

/// Not a test by itself: [`reader_of_files_outlives_the_environment`] runs it.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "another test runs it"]
async fn reader_in_another_process() {
    let base = std::env::var_os("READER_BASE").unwrap();
    let _manager = manager(Path::new(&base));
    let _file = fs::File::open(std::env::var_os("READER_FILE").unwrap()).unwrap();
    fs::write(Path::new(&base).join("reads"), "").unwrap();
    std::future::pending::<()>().await;
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
