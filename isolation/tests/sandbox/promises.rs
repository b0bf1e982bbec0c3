//! Small promises of the engine: what is writable, what a stop does, what is left.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use isolation::{Command, EnvironmentSpec, Status};

use crate::images::WithImage;
use crate::support::{
    Fixture, as_ordinary_user, as_user_with_others, has_users, printed, rustix_is_root, sh,
};

/// The bytes of a tree on the disk. Directories that this user may not read are skipped.
fn on_disk(path: &Path) -> u64 {
    let own = fs::symlink_metadata(path).map_or(0, |meta| meta.blocks() * 512);
    let is_directory = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let entries = is_directory.then(|| fs::read_dir(path).ok()).flatten();
    let entries = entries.into_iter().flatten().flatten();
    own + entries.map(|entry| on_disk(&entry.path())).sum::<u64>()
}

#[tokio::test]
async fn environments_of_an_image_need_little_space() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let before = fixture.files();
    let mut environments = Vec::new();
    for _ in 0..20 {
        let environment = fixture.environment().await;
        printed(&environment, "echo changed >new").await;
        environments.push(environment);
    }
    if environments[0].inspect().await.unwrap().details["root"].contains("overlay") {
        let each = on_disk(fixture.base.path()) / 20;
        assert!(each < 1 << 20, "{each} bytes for each environment");
    }
    for environment in environments {
        environment.destroy().await.unwrap();
    }
    assert_eq!(fixture.files(), before, "the files of the image were changed");
}

#[tokio::test]
async fn places_for_temporary_files_are_writable() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let script = "for d in /tmp /dev/shm; do echo x >$d/f-$(id -u) || exit 1; done; stat -c %a /tmp /dev/shm; \
                  echo x >/dev/null; head -c 1 /dev/zero >/dev/null; head -c 1 /dev/urandom >/dev/null";
    let modes = printed(&environment, script).await;
    assert_eq!(modes, "1777\n1777");
    if has_users() {
        let mut other = Command::shell(script);
        other.user = Some("1000".into());
        let output = environment.run(other).await.unwrap();
        assert!(output.exit.success(), "{output:?}");
    }
    let devices = printed(&environment, "ls /dev").await;
    let expected = [
        "full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero",
    ];
    for device in expected {
        assert!(devices.lines().any(|line| line == device), "{device}: {devices}");
    }
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn relative_working_directory_is_below_the_root() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = EnvironmentSpec {
        working_dir: Some("made/here".into()),
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(spec).await.unwrap();
    assert_eq!(printed(&environment, "mkdir deeper; pwd").await, "/made/here");
    let mut below = Command::shell("pwd");
    below.working_dir = Some("deeper".into());
    let output = environment.run(below).await.unwrap();
    assert_eq!(output.stdout_text(), "/made/here/deeper\n", "{output:?}");
    environment.destroy().await.unwrap();
}

/// A program that may end by itself does, and what it writes stays.
#[tokio::test]
async fn stop_lets_programs_end_themselves() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let script = "sh -c 'trap \"echo asked >/asked; exit\" TERM; echo >/ready; while :; do sleep 0.05; done' \
                  >/dev/null 2>&1 & until [ -e /ready ]; do sleep 0.05; done";
    printed(&environment, script).await;
    environment.stop(Duration::from_secs(120)).await.unwrap();
    assert_eq!(environment.status(), Status::Stopped);
    environment.start().await.unwrap();
    assert_eq!(printed(&environment, "cat /asked").await, "asked");
    environment.destroy().await.unwrap();
}

/// The errors of a start are those of the engine: a command prints only what is its own.
#[tokio::test]
async fn failed_start_prints_no_word_of_bwrap() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    printed(&environment, "echo x >/tmp/plain; ln -s /tmp/none /tmp/dangling").await;
    for (program, code) in [
        ("missing", 127),
        ("/no/such/place", 127),
        ("/tmp/dangling", 127),
        ("/tmp/plain", 126),
        ("/tmp", 126),
    ] {
        let output = environment.run(Command::new([program])).await.unwrap();
        assert_eq!(output.exit.code, code, "{program}: {output:?}");
        let errors = output.stderr_text();
        assert!(
            !errors.contains("bwrap") && !errors.contains("execvp"),
            "{errors}"
        );
    }
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn closed_directories_are_removed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let script = "mkdir -p /d/e/f /root/d && echo x >/d/e/f/g && chmod 0 /d/e/f && chmod 0555 /d/e && \
                  chmod 0 /d /root/d";
    printed(&environment, script).await;
    if has_users() {
        printed(
            &environment,
            "mkdir /o && echo x >/o/x && chown -R 7:8 /o && chmod 0 /o",
        )
        .await;
    }
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

/// One process after the other is process 1's child: none is left as a zombie.
#[tokio::test]
async fn ended_processes_leave_no_zombies() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    for _ in 0..10 {
        sh(&environment, "(sh -c 'sleep 0.01 &' &) >/dev/null 2>&1").await;
    }
    let zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    let mut rounds = 0;
    while printed(&environment, zombies).await.parse::<u32>().unwrap() > 3 {
        rounds += 1;
        assert!(rounds < 1000, "zombies are left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    environment.destroy().await.unwrap();
}

#[test]
fn promises_to_ordinary_users() {
    if !rustix_is_root() {
        return;
    }
    for test in [
        "promises::environments_of_an_image_need_little_space",
        "promises::places_for_temporary_files_are_writable",
        "promises::stop_lets_programs_end_themselves",
        "promises::closed_directories_are_removed",
    ] {
        as_ordinary_user(test);
        as_user_with_others(test);
    }
}
