//! Environments that are kept, main processes that do not start, limits that are reached.

use std::time::Duration;

use isolation::{Command, EnvironmentSpec, ErrorKind, Main, ResourceLimits, Result, Status};

use engine_api::Docker;

use super::{active, busybox, created, manager, sh};

/// A kept environment outlives its manager; another one opens and removes it.
pub async fn kept(docker: Docker) -> Result<()> {
    let first = manager(&docker)?;
    let environment = active(&first, busybox()).await?;
    environment.keep().await?;
    let id = environment.id().to_string();
    drop(environment);
    first.shutdown().await?;

    let second = manager(&docker)?;
    let environment = second.open(&id).await?;
    assert_eq!(environment.status(), Status::Running);
    assert!(environment.is_kept());
    assert_eq!(sh(&environment, "echo again").await?, "again");
    environment.stop(Duration::from_secs(1)).await?;
    environment.start().await?;
    environment.destroy().await?;
    second.shutdown().await
}

/// A main process that cannot start has the exit code of a shell.
pub async fn main_not_started(docker: Docker) -> Result<()> {
    let manager = manager(&docker)?;
    for (program, code) in [("no-such-program", 127), ("/etc/passwd", 126)] {
        let main = Main::Command(Command::new([program]));
        let environment = created(&manager, EnvironmentSpec { main, ..busybox() }).await?;
        let execution = environment.start_attached().await?;
        assert_eq!(execution.output().await?.exit.code, code, "{program}");
        environment.destroy().await?;
    }
    manager.shutdown().await
}

/// A command that was killed because its memory was used up says so.
pub async fn out_of_memory(docker: Docker) -> Result<()> {
    let manager = manager(&docker)?;
    let limits = ResourceLimits {
        memory: Some(32 << 20),
        ..ResourceLimits::default()
    };
    let environment = active(&manager, EnvironmentSpec { limits, ..busybox() }).await?;
    let killed = environment.run(Command::shell("exec tail /dev/zero")).await?;
    assert!(killed.exit.oom, "{}", killed.exit);
    let fine = environment.run(Command::shell("exit 3")).await?;
    assert!(!fine.exit.oom && fine.exit.code == 3, "{}", fine.exit);
    environment.destroy().await?;
    manager.shutdown().await
}

/// An environment gets another name and other limits, and is paused.
pub async fn changed(docker: Docker) -> Result<()> {
    let manager = manager(&docker)?;
    let environment = active(&manager, busybox()).await?;
    environment.rename("two").await?;
    assert_eq!(environment.name(), "two");
    let limits = ResourceLimits {
        pids: Some(100),
        ..ResourceLimits::default()
    };
    environment.update(&limits).await?;
    let seen = environment.inspect().await?;
    assert_eq!(seen.limits.and_then(|limits| limits.pids), Some(100));
    environment.pause().await?;
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    environment.unpause().await?;
    assert_eq!(sh(&environment, "echo again").await?, "again");
    environment.destroy().await?;
    manager.shutdown().await
}
