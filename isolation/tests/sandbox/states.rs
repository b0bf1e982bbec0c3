//! Calls of an environment whose state another process has changed, kinds of files, and reasons why
//! no sandbox can be started in a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use isolation::engines::sandbox::SandboxEngine;
use isolation::{Command, CopySource, Engine, EnvironmentSpec, ErrorKind, FileKind, Lifetime, Status};

use crate::support::{Fixture, base, manager, printed, rustix_is_root};

#[tokio::test]
async fn kind_of_a_file_is_found_while_it_runs_or_not() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture.environment().await;
    let script =
        "cd /tmp; mkdir d; echo x >f; ln -s f l; ln -s none broken; mkfifo p; ln -s /etc/hostname out";
    printed(&environment, script).await;
    for running in [true, false] {
        for (path, kind) in [
            ("/tmp/d", Some(FileKind::Directory)),
            ("/tmp/f", Some(FileKind::File)),
            ("/tmp/l", Some(FileKind::File)),
            ("/tmp/p", Some(FileKind::Other)),
            ("/tmp/broken", None),
            ("/tmp/none", None),
            ("/tmp/none/below", None),
            ("/tmp/f/below", None),
        ] {
            let found = environment.file_kind(path).await;
            let found = found.unwrap_or_else(|error| panic!("{path}, {running}: {error}"));
            assert_eq!(found, kind, "{path}, {running}");
        }
        environment.stop(Duration::ZERO).await.unwrap();
    }
    environment.destroy().await.unwrap();
    let error = environment.file_kind("/tmp/f").await.unwrap_err();
    assert!(
        [ErrorKind::Lost, ErrorKind::WrongStatus].contains(&error.kind()),
        "{error}"
    );
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn stop_by_another_process_is_noticed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..EnvironmentSpec::default()
    };
    let environment = fixture.create(kept).await.unwrap();
    let others = manager(fixture.base.path());
    let opened = others.open(environment.id().as_str()).await.unwrap();
    assert_eq!(printed(&opened, "echo two").await, "two");
    opened.stop(Duration::ZERO).await.unwrap();
    // Not inspected before: the error of the command shows it.
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error:?}");
    assert_eq!(environment.status(), Status::Stopped);
    environment.start().await.unwrap();
    assert_eq!(printed(&environment, "echo again").await, "again");
    opened.destroy().await.unwrap();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}");
    let error = environment
        .copy_in(CopySource::bytes("x"), "/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}");
    environment.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

/// Why no sandbox can be started, and what to do.
async fn unavailable(engine: &SandboxEngine) -> String {
    let availability = engine.probe().await.availability;
    assert!(!availability.is_available(), "{availability}");
    availability.to_string()
}

#[tokio::test]
async fn directory_that_cannot_be_used_is_named() {
    if Fixture::new().await.is_none() {
        return;
    }
    let directory = base();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let engine = SandboxEngine::below(&file);
    let reason = unavailable(&engine).await;
    assert!(
        reason.contains("cannot create a directory in") && reason.contains("file"),
        "{reason}"
    );
    assert!(reason.contains("TMPDIR"), "{reason}");
    let created = manager(&file);
    let spec = EnvironmentSpec::default();
    let error = created
        .create(&isolation::EngineChoice::Named("sandbox".into()), spec)
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");

    // Root in an environment is another user than root on this machine.
    if rustix_is_root() {
        let closed = directory.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let reason = unavailable(&SandboxEngine::below(&closed)).await;
        assert!(
            reason.contains("cannot enter") && reason.contains("closed"),
            "{reason}"
        );
        assert!(reason.contains("every user may enter"), "{reason}");
    }
}
