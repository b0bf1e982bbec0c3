//! Copies and mounts.

use std::fs;
use std::os::unix::fs::symlink;

use isolation::{Command, CopyIn, CopySource, EnvironmentSpec, ErrorKind, Mount};

use super::{active, manager, sh, spec};
use crate::support::{engines, one_line};

#[tokio::test]
async fn mounts_show_the_host_and_may_be_read_only() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "of the host").unwrap();
        let mount = |target: &str, read_only| Mount {
            read_only,
            ..Mount::host(directory.path(), target)
        };
        let mounts = vec![mount("/rw", false), mount("/ro", true)];
        let environment = active(&manager, EnvironmentSpec { mounts, ..spec() }).await;
        let seen = sh(&environment, "cat /ro/file; echo new > /rw/new").await;
        assert_eq!(seen, "of the host", "{}", subject.name);
        assert_eq!(fs::read(directory.path().join("new")).unwrap(), b"new\n");
        let refused = environment.run(Command::shell("echo x > /ro/x")).await.unwrap();
        assert!(!refused.exit.success(), "{}", subject.name);
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn copy_in_merges_and_follows_links_inside() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("tree/deep")).unwrap();
        fs::write(at("tree/deep/file"), "1").unwrap();
        symlink("tree", at("link")).unwrap();
        let copies = vec![CopyIn {
            source: at("link"),
            target: "/new/place".into(),
        }];
        let environment = active(&manager, EnvironmentSpec { copies, ..spec() }).await;
        let run = |script: &'static str| sh(&environment, script);
        assert_eq!(
            run("cat /new/place/deep/file").await,
            "1",
            "what was named is followed"
        );
        run("echo kept > /new/place/kept; ln -s /new/place/deep /short").await;
        environment
            .copy_in(CopySource::Path(at("tree")), "/new/place")
            .await
            .unwrap();
        assert_eq!(run("cat /new/place/kept").await, "kept", "{}", subject.name);
        environment
            .copy_in(CopySource::bytes("through"), "/short/file")
            .await
            .unwrap();
        assert_eq!(
            run("cat /new/place/deep/file").await,
            "through",
            "{}",
            subject.name
        );
        for target in ["/new/place", "/"] {
            let error = environment
                .copy_in(CopySource::bytes("x"), target)
                .await
                .unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{}: {}",
                subject.name,
                one_line(&error)
            );
        }
        environment.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn copy_out_gives_the_named_files() {
    for subject in engines() {
        let (manager, _) = manager(&subject);
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let environment = active(&manager, spec()).await;
        let make = "mkdir -p /a/deep; echo 1 > /a/deep/file; ln -s deep/file /a/link; ln -s /a/deep /short; \
                    mkfifo /pipe; mkfifo /a/pipe";
        sh(&environment, make).await;
        for (source, target, file) in [
            ("/a/link", "from-relative", "from-relative"),
            ("/short", "from-absolute", "from-absolute/file"),
            ("/short/file", "through", "through"),
        ] {
            let copied = environment.copy_out(source, &at(target)).await;
            copied.unwrap_or_else(|error| panic!("{}: {source}: {}", subject.name, one_line(&error)));
            assert_eq!(fs::read(at(file)).unwrap(), b"1\n", "{}: {source}", subject.name);
        }
        for source in ["/pipe", "/a"] {
            let error = environment.copy_out(source, &at("pipe")).await.unwrap_err();
            let text = one_line(&error);
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{}: {source}: {text}",
                subject.name
            );
            assert!(!at("pipe").exists(), "{}", subject.name);
        }
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            3,
            "something else is left"
        );
        environment.destroy().await.unwrap();
    }
}
