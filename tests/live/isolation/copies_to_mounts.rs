//! Copies to and from places that the daemon does not see, or that belong to the host: the file is
//! inside afterwards, or there is an error.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use isolation::{CopyIn, CopySource, Environment, EnvironmentSpec, ErrorKind, Mount, MountSource};

use super::{active, create, manager, sh, spec};
use crate::support::{engines, one_line};

fn tmpfs(target: &str) -> Mount {
    Mount {
        source: MountSource::Tmpfs { size: None },
        target: target.to_owned(),
        read_only: false,
        subpath: None,
    }
}

async fn copy_in(environment: &Environment, content: &'static str, target: &str) {
    let copied = environment.copy_in(CopySource::bytes(content), target).await;
    copied.unwrap_or_else(|error| panic!("{target}: {}", one_line(&error)));
}

async fn until_clean(environment: &Environment) {
    // The temporary directory is removed in the background.
    while !sh(environment, "ls -A / | grep isolation-copy; true")
        .await
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn files_in_memory_are_inside_and_come_back() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("specified"), "specified").unwrap();
        let copy = |target: &str| CopyIn {
            source: at("specified"),
            target: target.to_owned(),
        };
        let environment = EnvironmentSpec {
            mounts: vec![tmpfs("/mem")],
            copies: vec![copy("/mem/specified"), copy("/dev/shm/deep/specified")],
            ..spec()
        };
        let environment = active(&manager, environment).await;
        let seen = sh(&environment, "cat /mem/specified /dev/shm/deep/specified").await;
        assert_eq!(seen, "specifiedspecified", "{}", subject.name);
        sh(
            &environment,
            "ln -s /mem /link; mkfifo /mem/pipe; ln -s nowhere /mem/dangling",
        )
        .await;
        for target in [
            "/mem/new/deep/file",
            "/link/through",
            "/mem/pipe",
            "/mem/dangling",
            "/dev/shm/file",
            "/dev/new",
            "/etc/hosts",
            "/etc/hostname",
            "/etc/resolv.conf",
        ] {
            copy_in(&environment, "127.0.0.1 new", target).await;
            let seen = sh(&environment, &format!("cat {target}")).await;
            assert_eq!(seen, "127.0.0.1 new", "{}: {target}", subject.name);
            environment.copy_out(target, at("out")).await.unwrap();
            assert_eq!(fs::read(at("out")).unwrap(), b"127.0.0.1 new", "{target}");
        }
        for target in ["/proc/new", "/sys/new", "/dev/null", "/dev/shm"] {
            let refused = environment
                .copy_in(CopySource::bytes("x"), target)
                .await
                .unwrap_err();
            assert!(!one_line(&refused).is_empty(), "{}: {target}", subject.name);
        }
        environment
            .copy_out("/proc/version", at("version"))
            .await
            .unwrap();
        assert!(fs::read_to_string(at("version")).unwrap().contains("Linux"));
        let missing = environment.copy_out("/mem/missing", at("x")).await.unwrap_err();
        assert!(missing.is_not_found(), "{}", one_line(&missing));
        until_clean(&environment).await;
        environment.stop(Duration::from_secs(1)).await.unwrap();
        let stopped = environment
            .copy_in(CopySource::bytes("x"), "/mem/x")
            .await
            .unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::WrongStatus, "{}", one_line(&stopped));
        environment.destroy().await.unwrap();
    }
}

/// A tree with what archives get wrong: times, modes, names, a read-only directory.
fn odd_tree(top: &Path) {
    fs::create_dir_all(top.join("read-only")).unwrap();
    for (name, seconds) in [
        ("old", -86_400_i64),
        ("future", (1 << 33) + 7),
        ("read-only/in", 1),
    ] {
        fs::write(top.join(name), name).unwrap();
        let file = fs::File::options().write(true).open(top.join(name)).unwrap();
        let span = Duration::from_secs(seconds.unsigned_abs());
        let time = match seconds < 0 {
            true => SystemTime::UNIX_EPOCH - span,
            false => SystemTime::UNIX_EPOCH + span,
        };
        file.set_modified(time).unwrap();
    }
    fs::write(top.join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    symlink("old", top.join("link")).unwrap();
    fs::set_permissions(top.join("old"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(top.join("read-only"), fs::Permissions::from_mode(0o555)).unwrap();
}

#[tokio::test]
async fn odd_trees_are_the_same_on_disk_and_in_memory() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        odd_tree(&at("tree"));
        let environment = EnvironmentSpec {
            mounts: vec![tmpfs("/mem")],
            ..spec()
        };
        let environment = active(&manager, environment).await;
        // Docker has no times before 1970: it sets 0, also for `docker cp`.
        let mut old = None;
        for place in ["/disk/tree", "/mem/tree"] {
            let source = CopySource::Path(at("tree"));
            environment.copy_in(source, place).await.unwrap();
            let list = "stat -c '%n %a %u %g %Y' old future read-only read-only/in; cat caf*; readlink link";
            let seen = sh(&environment, &format!("cd {place}; {list}")).await;
            let time = if seen.starts_with("old 4751 0 0 0\n") {
                0
            } else {
                -86_400
            };
            assert_eq!(*old.get_or_insert(time), time, "{}: {place}", subject.name);
            let expected = format!(
                "old 4751 0 0 {time}\nfuture 644 0 0 {}\nread-only 555 0 0 {}\n\
                 read-only/in 644 0 0 1\nlatinold",
                (1_u64 << 33) + 7,
                fs::metadata(at("tree/read-only")).unwrap().mtime(),
            );
            assert_eq!(seen, expected, "{}: {place}", subject.name);
            let back = at(&place.replace('/', "-"));
            environment.copy_out(place, &back).await.unwrap();
            let metadata = |name: &str| fs::symlink_metadata(back.join(name)).unwrap();
            assert_eq!(metadata("old").mtime(), time);
            assert_eq!(metadata("future").mtime(), (1 << 33) + 7);
            assert_eq!(metadata("read-only").mode() & 0o777, 0o555);
            let name = back.join(OsStr::from_bytes(b"caf\xe9"));
            assert_eq!(fs::read(name).unwrap(), b"latin", "{}: {place}", subject.name);
        }
        environment.destroy().await.unwrap();
    }
}

/// A copy wrote through the mount into a file of the host.
#[tokio::test]
async fn files_of_the_host_are_never_overwritten() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("host")).unwrap();
        fs::write(at("host/file"), "precious").unwrap();
        fs::create_dir_all(at("tree/host")).unwrap();
        fs::write(at("tree/host/file"), "new").unwrap();
        let environment = EnvironmentSpec {
            mounts: vec![Mount::host(at("host"), "/top/host")],
            ..spec()
        };
        let environment = active(&manager, environment).await;
        sh(&environment, "ln -s /top/host /link").await;
        let tree = CopySource::Path(at("tree"));
        for (source, target) in [
            (CopySource::bytes("x"), "/top/host/file"),
            (CopySource::bytes("x"), "/link/file"),
            (tree, "/top"),
        ] {
            let refused = environment.copy_in(source, target).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{}", one_line(&refused));
            assert!(one_line(&refused).contains("host"), "{}", one_line(&refused));
        }
        environment.copy_out("/top/host/file", at("out")).await.unwrap();
        assert_eq!(fs::read(at("out")).unwrap(), b"precious");
        assert_eq!(
            fs::read(at("host/file")).unwrap(),
            b"precious",
            "{}",
            subject.name
        );
        environment.destroy().await.unwrap();
    }
}

/// Another process can start a kept environment; it would not make the copies.
#[tokio::test]
async fn kept_one_with_copies_to_memory_must_be_started() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "x").unwrap();
        let copies = vec![CopyIn {
            source: directory.path().join("file"),
            target: "/dev/shm/file".to_owned(),
        }];
        let kept = EnvironmentSpec {
            copies,
            lifetime: isolation::Lifetime::Kept,
            ..spec()
        };
        let choice = isolation::EngineChoice::Auto;
        let selection = manager.select(&choice, &kept).await.unwrap();
        let error = manager
            .create_unstarted(&selection, kept.clone())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", one_line(&error));
        let environment = create(&manager, kept).await.unwrap();
        assert_eq!(sh(&environment, "cat /dev/shm/file").await, "x");
        environment.destroy().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

/// A copy of a closed directory into `/tmp` in memory closed it for every other user.
#[tokio::test]
async fn directory_in_memory_keeps_its_permissions() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path().join("tree");
        fs::create_dir_all(tree.join("deep")).unwrap();
        for name in ["file", ".hidden", "..twice", "deep/file"] {
            fs::write(tree.join(name), "x").unwrap();
        }
        fs::set_permissions(&tree, fs::Permissions::from_mode(0o700)).unwrap();
        let mounts = vec![tmpfs("/mem")];
        let environment = active(&manager, EnvironmentSpec { mounts, ..spec() }).await;
        sh(&environment, "mkdir /mem/deep; chown 5:6 /mem; chmod 1777 /mem").await;
        for _ in 0..2 {
            let source = CopySource::Path(tree.clone());
            environment.copy_in(source, "/mem").await.unwrap();
        }
        let seen = sh(
            &environment,
            "stat -c '%a %u %g' /mem; cd /mem; find . -type f | sort",
        )
        .await;
        let expected = "1777 5 6\n./..twice\n./.hidden\n./deep/file\n./file";
        assert_eq!(seen, expected, "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}
