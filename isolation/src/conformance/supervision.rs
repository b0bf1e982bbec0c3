//! Checks of the health check and of restarts.

use std::time::Duration;

use super::subject::{Outcome, Subject, Why, ensure, equal, refused, sh};
use crate::command::Command;
use crate::command::signal::Signal;
use crate::events::{EventKind, Subscription};
use crate::spec::health::HealthSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;
use crate::spec::restart::{RestartOnExit, RestartSpec};
use crate::{EnvironmentSpec, ErrorKind, Feature, Health, Status};

/// Reads events until one is wanted.
async fn until(events: &mut Subscription, wanted: &EventKind) -> Outcome {
    while let Some(event) = events.next().await {
        if event?.kind == *wanted {
            return Ok(());
        }
    }
    Err(Why(format!("no event {wanted:?}")))
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
        health: Some(health("[ ! -e broken ]")),
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
    environment.destroy().await?;
    // The image of this engine, if it has images, has no check.
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

/// A main process that ends is started again, as often as the specification says.
pub(super) async fn restarted_after_an_end(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::MainProcess) {
        return Ok(());
    }
    let mut events = subject.manager.subscribe();
    // The third run stays.
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
            EventKind::Failed { message, .. } => {
                ensure(message.contains("1 times"), message)?;
                break;
            }
            _ => {}
        }
    }
    equal("restarts", restarts, 1)?;
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
            max_attempts: None,
        }),
        ..(subject.make_spec)()
    };
    let environment = subject.create(spec).await?;
    environment.start().await?;
    let healthy = EventKind::Health {
        health: Health::Healthy,
    };
    until(&mut events, &healthy).await?;
    sh(&environment, "touch broken").await?;
    until(&mut events, &EventKind::Restarted).await?;
    until(&mut events, &healthy).await?;
    equal("the status", environment.status(), Status::Running)?;
    Ok(environment.destroy().await?)
}
