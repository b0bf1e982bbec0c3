use std::time::Duration;

use isolation::{
    Command, CopyIn, CopySource, EngineChoice, Environment, EnvironmentSpec, ForkOptions, Main, Mount,
};

use crate::images::WithImage;
use crate::support::{as_ordinary_user, as_user_with_others, printed, sh};

/// A read-only environment with a copy, mounts and a working directory of its own.
fn read_only(image: Option<&str>, source: &std::path::Path) -> EnvironmentSpec {
    let mut spec = EnvironmentSpec {
        image: image.map(str::to_owned),
        mounts: vec![Mount::host(source, "/out/dir"), Mount::tmpfs("/scratch", None)],
        copies: vec![CopyIn {
            source: source.join("copied"),
            target: "/srv/copied".to_owned(),
        }],
        working_dir: Some("/work/dir".to_owned()),
        ..EnvironmentSpec::default()
    };
    spec.security.read_only_root = true;
    spec
}

async fn is_read_only(environment: &Environment) {
    let read = "pwd; cat /srv/copied /out/dir/file; cat /etc/hostname >/dev/null && echo named";
    assert_eq!(printed(environment, read).await, "/work/dir\nonetwonamed");
    for path in ["/new", "/etc/hosts", "/work/dir/new", "/srv/copied"] {
        let written = sh(environment, &format!("echo x >{path}")).await;
        assert!(!written.exit.success(), "{path} was written");
        let why = written.stderr_text();
        assert!(
            why.to_lowercase().contains("read-only file system"),
            "{path}: {why}"
        );
    }
    for path in ["/out/dir/new", "/scratch/new", "/dev/shm/new"] {
        assert_eq!(
            printed(environment, &format!("echo x >{path}; cat {path}; rm {path}")).await,
            "x"
        );
    }
    // Nothing inside makes it writable again.
    for script in [
        "mount -o remount,rw /",
        "mount -o remount,rw,bind /",
        "umount -l /",
    ] {
        assert!(!sh(environment, script).await.exit.success(), "{script}");
    }
    assert!(!sh(environment, "echo x >/new").await.exit.success());
    let copied = environment.copy_in(CopySource::bytes("x"), "/new").await;
    let why = format!("{:?}", copied.unwrap_err());
    assert!(
        why.contains("ReadOnlyFilesystem") || why.contains("Read-only file system"),
        "{why}"
    );
    environment
        .copy_in(CopySource::bytes("x"), "/scratch/in")
        .await
        .unwrap();
    assert_eq!(printed(environment, "cat /scratch/in; rm /scratch/in").await, "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_root_cannot_be_written() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let source = tempfile::tempdir().unwrap();
    std::fs::write(source.path().join("copied"), "one").unwrap();
    std::fs::write(source.path().join("file"), "two").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(source.path(), open).unwrap();
    for image in [None, Some("test:1")] {
        let spec = read_only(image, source.path());
        let environment = fixture.manager.create(&EngineChoice::Auto, spec).await.unwrap();
        is_read_only(&environment).await;
        environment.stop(Duration::ZERO).await.unwrap();
        // Its files are reached through a start of its own.
        let copied = environment.copy_in(CopySource::bytes("x"), "/new").await;
        assert!(copied.is_err());
        environment.start().await.unwrap();
        is_read_only(&environment).await;
        let forks = fixture
            .manager
            .fork(&environment, 1, ForkOptions::default())
            .await
            .unwrap();
        is_read_only(&forks[0]).await;
        for one in forks {
            one.destroy().await.unwrap();
        }
        environment.destroy().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(fixture.base.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_process_has_a_read_only_root() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let mut spec = EnvironmentSpec {
        image: Some("test:1".to_owned()),
        main: Main::Command(Command::shell("echo x >/new && exit 3; exit 4")),
        ..EnvironmentSpec::default()
    };
    spec.security.read_only_root = true;
    let environment = fixture.manager.create(&EngineChoice::Auto, spec).await.unwrap();
    environment.start().await.unwrap();
    assert_eq!(environment.wait().await.unwrap().code, 4);
    environment.destroy().await.unwrap();
}

#[test]
fn read_only_root_of_ordinary_users() {
    for test in [
        "read_only_root::read_only_root_cannot_be_written",
        "read_only_root::main_process_has_a_read_only_root",
    ] {
        as_ordinary_user(test);
        as_user_with_others(test);
    }
}
