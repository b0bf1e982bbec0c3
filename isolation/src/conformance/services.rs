//! Checks of published ports, logs and metrics, on engines that have them.

use std::time::Duration;

use super::subject::{Outcome, Subject, equal, refused, sh};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::engine::values::MetricsKind;
use crate::environment::Environment;
use crate::logs::{LogOptions, OutputStream};
use crate::spec::main_process::Main;
use crate::spec::wait_for::{LogProbe, WaitFor};
use crate::{ErrorKind, Result};

/// Timeout of a condition.
const TIMEOUT: Duration = Duration::from_secs(120);

async fn with_main(subject: &Subject<'_>, script: &str) -> Result<Environment> {
    let mut spec = (subject.make_spec)();
    spec.main = Main::Command(Command::shell(script));
    if subject.capabilities.has(Feature::Ports) {
        spec.network.ports = vec![80.into()];
    }
    let environment = subject.create(spec).await?;
    environment.start().await?;
    Ok(environment)
}

/// Ports are published from start to stop.
pub(super) async fn ports(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::Ports) {
        let environment = subject.environment().await?;
        refused("the ports", environment.endpoints().await, ErrorKind::Unsupported)?;
        return Ok(environment.destroy().await?);
    }
    let environment = with_main(subject, "sleep 1000").await?;
    let endpoints = environment.endpoints().await?;
    equal("published ports", endpoints.len(), 1)?;
    equal("the port inside", endpoints[0].port, 80)?;
    refused(
        "a port that is not published",
        environment.endpoint(81).await,
        ErrorKind::NotFound,
    )?;
    environment.stop(Duration::ZERO).await?;
    equal("ports after the stop", environment.endpoints().await?, Vec::new())?;
    refused(
        "a port after the stop",
        environment.endpoint(80).await,
        ErrorKind::WrongStatus,
    )?;
    Ok(environment.destroy().await?)
}

/// The log has the lines of both streams, in the order of each, and can be waited for.
pub(super) async fn logs(subject: &Subject<'_>) -> Outcome {
    if !subject.capabilities.has(Feature::Logs) || !subject.capabilities.has(Feature::MainProcess) {
        // Without a main process, the log contains the output of the commands.
        let environment = subject.environment().await?;
        environment.run(Command::shell("echo one; echo err >&2")).await?;
        let lines = environment.logs(LogOptions::default()).await?.lines().await?;
        let mut lines: Vec<_> = lines.iter().map(|line| line.text_lossy().into_owned()).collect();
        lines.sort();
        equal(
            "the log of a command",
            lines,
            ["err", "one"].map(str::to_owned).into(),
        )?;
        return Ok(environment.destroy().await?);
    }
    let script = "echo one; echo err >&2; echo two; printf open; \
                  while [ ! -e /conformance-go ]; do sleep 0.05; done; exit 3";
    let environment = with_main(subject, script).await?;
    let two = WaitFor::Log(LogProbe::new("^two$"));
    environment.wait_until(&two, TIMEOUT).await?;
    sh(&environment, "echo > /conformance-go").await?;
    let never = environment
        .wait_until(&WaitFor::Log(LogProbe::new("three")), TIMEOUT)
        .await;
    refused("a line that does not come", never, ErrorKind::Unhealthy)?;
    let lines = environment.logs(LogOptions::default()).await?.lines().await?;
    let of = |stream| {
        let lines = lines.iter().filter(|line| line.stream == stream);
        lines
            .map(|line| line.text_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    equal(
        "standard output",
        of(OutputStream::Stdout),
        ["one", "two", "open"].map(str::to_owned).into(),
    )?;
    equal("standard error", of(OutputStream::Stderr), vec!["err".to_owned()])?;
    let last = LogOptions {
        tail: Some(1),
        stream: Some(OutputStream::Stdout),
        ..LogOptions::default()
    };
    let last = environment.logs(last).await?.lines().await?;
    equal("the last line", last.len(), 1)?;
    environment.wait_until(&WaitFor::Exit(3), TIMEOUT).await?;
    Ok(environment.destroy().await?)
}

/// Metrics are measured while the environment runs.
pub(super) async fn metrics(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    if !subject.capabilities.has(Feature::Metrics) {
        refused("metrics", environment.metrics().await, ErrorKind::Unsupported)?;
        return Ok(environment.destroy().await?);
    }
    let (first, second) = (environment.metrics().await?, environment.metrics().await?);
    super::subject::ensure(second.cpu_time >= first.cpu_time, "the CPU time decreased")?;
    if let Some(kind) = subject.capabilities.values().metrics {
        let approximate = kind == MetricsKind::Approximate;
        equal("approximate metrics", first.is_approximate, approximate)?;
    }
    environment.stop(Duration::ZERO).await?;
    refused(
        "metrics after the stop",
        environment.metrics().await,
        ErrorKind::WrongStatus,
    )?;
    Ok(environment.destroy().await?)
}

/// A file and a command can be waited for.
pub(super) async fn conditions(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let script = "(sleep 0.2; echo x > ready) >/dev/null 2>&1 &";
    environment.run(Command::shell(script)).await?;
    environment
        .wait_until(&WaitFor::Command(Command::shell("[ -e ready ]")), TIMEOUT)
        .await?;
    environment
        .wait_until(&WaitFor::File("ready".into()), TIMEOUT)
        .await?;
    let never = WaitFor::File("never".into());
    let late = environment.wait_until(&never, Duration::from_millis(50)).await;
    refused("a file that does not come", late, ErrorKind::Timeout)?;
    Ok(environment.destroy().await?)
}
