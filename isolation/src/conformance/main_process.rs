//! Checks of the main process, on engines that have it.

use std::time::Duration;

use super::subject::{Outcome, Subject, ensure, equal, refused, sh};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::spec::main_process::Main;
use crate::{ErrorKind, Result, Status};

async fn with_main(subject: &Subject<'_>, script: &str) -> Result<Environment> {
    let mut spec = (subject.make_spec)();
    spec.main = Main::Command(Command {
        env: [("OF_MAIN", "yes")].into(),
        ..Command::shell(script)
    });
    subject.create(spec).await
}

/// A main process that exits by itself.
pub(super) async fn one_shot(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    for code in [0, 7] {
        let environment = with_main(subject, &format!("sleep 0.2; exit {code}")).await?;
        equal("before the start", environment.status(), Status::Created)?;
        environment.start().await?;
        let exit = environment.wait().await?;
        equal("the exit code", exit.code, code)?;
        equal("the status", environment.status(), Status::Stopped)?;
        equal("asked again", environment.wait().await?.code, code)?;
        let state = environment.inspect().await?;
        equal("inspected", state.exit.map(|exit| exit.code), Some(code))?;
        environment.destroy().await?;
    }
    Ok(())
}

/// A server: commands run at the same time, and it receives signals.
pub(super) async fn server(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    let script = "trap 'exit 9' TERM; trap 'echo usr > /conformance-usr' USR1; \
                  echo $OF_MAIN > /conformance-main; while :; do sleep 0.05; done";
    let environment = with_main(subject, script).await?;
    environment.start().await?;
    let ready = "while [ ! -s /conformance-main ]; do sleep 0.05; done; cat /conformance-main";
    equal("its variable", sh(&environment, ready).await?.as_str(), "yes")?;
    environment.kill(Signal::User1).await?;
    sh(
        &environment,
        "while [ ! -s /conformance-usr ]; do sleep 0.05; done",
    )
    .await?;
    environment.stop(Duration::from_secs(10)).await?;
    equal("its exit code", environment.wait().await?.code, 9)?;
    environment.start().await?;
    environment.kill(Signal::Kill).await?;
    equal("after a kill", environment.status(), Status::Stopped)?;
    equal("its code", environment.wait().await?.code, 137)?;
    Ok(environment.destroy().await?)
}

/// A main process that cannot be started is an error, never an exit.
pub(super) async fn not_started(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    for (program, kind) in [
        ("no-such-program", ErrorKind::NotFound),
        ("/etc", ErrorKind::InvalidInput),
    ] {
        let mut spec = (subject.make_spec)();
        spec.main = Main::Command(Command::new([program]));
        let environment = subject.create(spec).await?;
        let started = environment.start().await;
        refused(program, started, kind)?;
        ensure(!environment.status().is_running(), "it counts as running")?;
        equal("its exit", environment.inspect().await?.exit, None)?;
        environment.destroy().await?;
    }
    Ok(())
}

/// Stop, kill and destroy while the main process exits by itself.
pub(super) async fn races(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    for round in 0..12u32 {
        let environment = with_main(subject, &format!("sleep 0.{}", round % 4)).await?;
        environment.start().await?;
        tokio::time::sleep(Duration::from_millis(u64::from(round % 4) * 100)).await;
        match round % 3 {
            0 => environment.stop(Duration::from_secs(2)).await?,
            1 => match environment.kill(Signal::Kill).await {
                // It had already exited: only an inspection shows that.
                Err(error) if error.kind() == ErrorKind::WrongStatus => {}
                killed => killed?,
            },
            _ => {}
        }
        environment.destroy().await?;
    }
    Ok(())
}
