//! Checks of the health check and of restarts.

use std::time::Duration;

use super::subject::{Outcome, Subject, Why, ensure, equal, refused, sh};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::events::{EventKind, Subscription};
use crate::spec::health::HealthSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;
use crate::spec::restart::{Recovery, RestartOnExit, RestartSpec};
use crate::{Environment, EnvironmentSpec, ErrorKind, Feature, Health, Status};

/// Reads events up to the expected one.
async fn until(events: &mut Subscription, wanted: &EventKind) -> Outcome {
    while let Some(event) = events.next().await {
        if event?.kind == *wanted {
            return Ok(());
        }
    }
    Err(Why(format!("no event {wanted:?}")))
}

const HEALTHY: EventKind = EventKind::Health {
    health: Health::Healthy,
};

/// Starts an environment, and breaks it once it is healthy.
async fn broken(
    subject: &Subject<'_>,
    events: &mut Subscription,
    spec: EnvironmentSpec,
) -> Result<Environment, Why> {
    let environment = subject.create(spec).await?;
    environment.start().await?;
    until(events, &HEALTHY).await?;
    // The supervision may stop the environment before the command has ended.
    match environment.run(Command::shell("touch broken")).await {
        Ok(output) if output.exit.success() || output.exit.code > 128 => Ok(environment),
        Ok(output) => Err(Why(format!("`touch broken`: {}", output.exit))),
        Err(error) => match error.kind() {
            ErrorKind::Restarted | ErrorKind::Unhealthy | ErrorKind::WrongStatus => Ok(environment),
            _ => Err(error.into()),
        },
    }
}

fn health(script: &str) -> HealthSpec {
    HealthSpec {
        check: Some(Command::shell(script)),
        interval: Some(Duration::from_millis(50)),
        retries: Some(2),
        ..HealthSpec::default()
    }
}

/// The health follows the check.
pub(super) async fn health_is_reported(subject: &Subject<'_>) -> Outcome {
    let mut events = subject.manager.subscribe();
    let spec = EnvironmentSpec {
        health: Some(health("[ ! -e broken ] || { echo it is broken; exit 1; }")),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    equal("the health before the start", environment.health(), None)?;
    environment.start().await?;
    for (script, health) in [
        (":", Health::Healthy),
        ("touch broken", Health::Unhealthy),
        ("rm broken", Health::Healthy),
    ] {
        sh(&environment, script).await?;
        until(&mut events, &EventKind::Health { health }).await?;
        equal("the health", environment.health(), Some(health))?;
    }
    let found = environment.inspect().await?.health;
    let found = found.ok_or_else(|| Why("no health in the state".to_owned()))?;
    equal("the health of the state", found.status, Health::Healthy)?;
    ensure(
        found
            .checks
            .iter()
            .any(|check| check.output.contains("is broken")),
        format!("no output of the check: {:?}", found.checks),
    )?;
    environment.destroy().await?;
    // The image of this engine, if it has images, has no health check.
    let spec = EnvironmentSpec {
        health: Some(HealthSpec::default()),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    refused(
        "a check of the image",
        environment.start().await,
        ErrorKind::InvalidInput,
    )?;
    Ok(environment.destroy().await?)
}

/// A main process that exits is restarted as often as the specification allows.
pub(super) async fn restarted_after_an_end(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    let mut events = subject.manager.subscribe();
    // The third run does not exit.
    let script = "echo run >>/runs; [ $(wc -l </runs) -lt 3 ] && exit 3; \
                  trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let restart = RestartSpec::default();
    let spec = EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        restart: Some(restart.clone()),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec.clone()).await?;
    environment.start().await?;
    until(&mut events, &EventKind::Restarted).await?;
    until(&mut events, &EventKind::Restarted).await?;
    refused(
        "the call after a restart",
        environment.run(Command::shell(":")).await,
        ErrorKind::Restarted,
    )?;
    let third = "while [ $(wc -l </runs) -lt 3 ]; do sleep 0.05; done; wc -l </runs";
    equal("the runs", sh(&environment, third).await?.trim(), "3")?;
    environment.kill(Signal::Kill).await?;
    // Longer than the pauses before a restart.
    tokio::time::sleep(Duration::from_millis(800)).await;
    equal(
        "after a kill",
        environment.inspect().await?.status,
        Status::Stopped,
    )?;
    environment.destroy().await?;
    // One attempt, then it stays stopped.
    let environment = subject
        .create(EnvironmentSpec {
            main: Main::Command(Command::shell("exit 3")),
            restart: Some(RestartSpec {
                max_attempts: Some(1),
                on_exit: RestartOnExit::Always,
                ..restart
            }),
            ..spec.clone()
        })
        .await?;
    environment.start().await?;
    let mut restarts = 0;
    while let Some(event) = events.next().await {
        match event?.kind {
            EventKind::Restarted => restarts += 1,
            EventKind::Failed {
                operation, message, ..
            } if operation.starts_with("restart") => {
                ensure(message.contains("restarted 1 time in a row"), message)?;
                break;
            }
            _ => {}
        }
    }
    equal("restarts", restarts, 1)?;
    let refusal = environment.run(Command::shell(":")).await;
    refused("a call after the last restart", refusal, ErrorKind::Unhealthy)?;
    environment.destroy().await?;
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec
    };
    refused("a kept one", subject.create(kept).await, ErrorKind::InvalidInput)
}

/// An unhealthy environment is restarted if the specification asks for it.
pub(super) async fn restarted_when_unhealthy(subject: &Subject<'_>) -> Outcome {
    let mut events = subject.manager.subscribe();
    let health = HealthSpec {
        retries: Some(1),
        ..health("[ ! -e broken ] || { rm broken; false; }")
    };
    let spec = EnvironmentSpec {
        health: Some(health),
        restart: Some(RestartSpec {
            on_exit: RestartOnExit::Never,
            on_unhealthy: true,
            ..RestartSpec::default()
        }),
        ..(subject.make_spec)()
    };
    let environment = broken(subject, &mut events, spec).await?;
    until(&mut events, &EventKind::Restarted).await?;
    until(&mut events, &HEALTHY).await?;
    equal("the status", environment.status(), Status::Running)?;
    Ok(environment.destroy().await?)
}

/// An environment with the action `Fail` is not restarted, and the error of every later call
/// contains the reason.
pub(super) async fn failed_when_unhealthy(subject: &Subject<'_>) -> Outcome {
    let mut events = subject.manager.subscribe();
    let spec = EnvironmentSpec {
        health: Some(HealthSpec {
            retries: Some(1),
            ..health("[ ! -e broken ] || { echo it is broken; exit 1; }")
        }),
        restart: Some(RestartSpec {
            on_exit: RestartOnExit::Never,
            on_unhealthy: true,
            recovery: Recovery::Fail,
            ..RestartSpec::default()
        }),
        ..(subject.make_spec)()
    };
    let environment = broken(subject, &mut events, spec).await?;
    until(&mut events, &EventKind::Stopped).await?;
    while environment.status() != Status::Failed {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..2 {
        let Err(error) = environment.run(Command::shell(":")).await else {
            return Err(Why("a command runs in a failed environment".to_owned()));
        };
        equal("the kind", error.kind(), ErrorKind::Unhealthy)?;
        ensure(error.to_string().contains("it is broken"), error.to_string())?;
    }
    refused("a start", environment.start().await, ErrorKind::Unhealthy)?;
    equal("the status", environment.inspect().await?.status, Status::Failed)?;
    Ok(environment.destroy().await?)
}

/// A recreated environment has only the files of its specification.
pub(super) async fn made_anew_after_an_end(subject: &Subject<'_>) -> Outcome {
    let script = "[ -e /marked ] && echo marked; trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let spec = EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        restart: Some(RestartSpec {
            recovery: Recovery::Recreate,
            ..RestartSpec::default()
        }),
        ..(subject.make_spec)()
    };
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    if !subject.capabilities.has(Feature::Recreation) {
        let created = subject.create(spec).await;
        return refused("a recreation", created, ErrorKind::Unsupported);
    }
    let mut events = subject.manager.subscribe();
    let environment = subject.create(spec).await?;
    let id = environment.id().clone();
    environment.start().await?;
    sh(&environment, "touch /marked").await?;
    // Another process kills it: a kill by this process would end the restarts.
    let other = subject.other_manager()?;
    other.open(id.as_str()).await?.kill(Signal::Kill).await?;
    until(&mut events, &EventKind::Restarted).await?;
    let Err(error) = environment.run(Command::shell(":")).await else {
        return Err(Why("the loss of all files is silent".to_owned()));
    };
    equal("the kind", error.kind(), ErrorKind::Restarted)?;
    ensure(error.to_string().contains("every file"), error.to_string())?;
    let found = sh(&environment, "[ -e /marked ] || echo gone").await?;
    equal("the mark", found.trim(), "gone")?;
    equal("the ID", environment.id(), &id)?;
    Ok(environment.destroy().await?)
}

/// The output of a main process continues over its runs.
pub(super) async fn output_goes_on_after_a_restart(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    let script = "echo run >>/runs; wc -l </runs; [ $(wc -l </runs) -lt 3 ] && exit 3; exit 0";
    let spec = EnvironmentSpec {
        main: Main::Command(Command::shell(script)),
        restart: Some(RestartSpec::default()),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    let output = environment.start_attached().await?.output().await?;
    let lines: Vec<_> = output.stdout.split(|byte| *byte == b'\n').collect();
    let numbers = lines
        .iter()
        .map(|line| String::from_utf8_lossy(line).trim().to_owned());
    equal(
        "the output",
        numbers.collect::<Vec<_>>().join(" ").trim(),
        "1 2 3",
    )?;
    equal("the exit code", output.exit.code, 0)?;
    environment.destroy().await?;
    // A kill ends the restarts.
    let forever = EnvironmentSpec {
        main: Main::Command(Command::shell("echo on; sleep 100000")),
        restart: Some(RestartSpec {
            on_exit: RestartOnExit::Always,
            ..RestartSpec::default()
        }),
        ..(subject.make_spec)()
    };
    let environment = subject.create(forever).await?;
    let mut execution = environment.start_attached().await?;
    execution.next().await?;
    execution.kill(Signal::Kill).await?;
    equal("the code of a kill", execution.wait().await?.code, 137)?;
    Ok(environment.destroy().await?)
}
