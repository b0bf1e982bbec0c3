//! Commands: how they start, how they end, and what an image without a shell changes.

use isolation::{Command, CopySource, ErrorKind, Input, Main, Result, Signal};

use engine_api::Docker;

use super::{Image, active, busybox, manager, spec};

/// Commands that cannot start have the exit codes of a shell.
pub async fn not_started(docker: Docker) -> Result<()> {
    let manager = manager(&docker)?;
    let environment = active(&manager, busybox()).await?;
    environment.copy_in(CopySource::bytes("text"), "/plain").await?;
    let codes = [("no-such-program", 127), ("/plain", 126)];
    for (program, code) in codes {
        let output = environment.run(Command::new([program])).await?;
        assert_eq!(output.exit.code, code, "{program}");
    }
    let elsewhere = Command {
        working_dir: Some("/none".to_owned()),
        ..Command::new(["true"])
    };
    let error = environment.run(elsewhere).await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("execute"),
        "{error}"
    );
    environment.destroy().await?;
    manager.shutdown().await
}

/// An image without a shell runs programs, which nothing can signal.
pub async fn without_a_shell(docker: Docker) -> Result<()> {
    let stages = "FROM busybox:latest AS programs\nFROM scratch\n\
                  COPY --from=programs /bin/busybox /only/echo\n\
                  COPY --from=programs /bin/busybox /only/cat\n\
                  COPY --from=programs /bin/busybox /only/sleep\nENV PATH=/only\n";
    let image = Image::built(&docker, stages).await?;
    let manager = manager(&docker)?;
    let environment = active(
        &manager,
        isolation::EnvironmentSpec {
            main: Main::Command(Command::new(["sleep", "1000"])),
            ..spec(image.name())
        },
    )
    .await?;
    let said = environment.run(Command::new(["echo", "hi"])).await?;
    assert_eq!((said.exit.code, said.stdout_text().as_str()), (0, "hi\n"));
    let copied = Command {
        input: Input::Bytes("in".into()),
        ..Command::new(["cat"])
    };
    assert_eq!(environment.run(copied).await?.stdout_text(), "in");
    let missing = environment.run(Command::new(["missing"])).await?;
    // Docker 20.10 reports 126.
    assert!(matches!(missing.exit.code, 126 | 127), "{}", missing.exit);
    let mut execution = environment.execute(Command::new(["sleep", "1000"])).await?;
    let error = execution.kill(Signal::Terminate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    drop(execution);
    environment.destroy().await?;
    manager.shutdown().await?;
    image.remove(&docker).await
}
