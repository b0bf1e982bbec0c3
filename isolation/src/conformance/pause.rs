//! Checks of pausing, renaming, updates of limits and the list of processes.

use std::time::Duration;

use super::subject::{Outcome, Subject, Why, ensure, equal, refused, sh};
use crate::command::Command;
use crate::command::input::Input;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::spec::limits::ResourceLimits;
use crate::{ErrorKind, ProcessEntry, Status};

/// A paused environment rejects commands. It can be resumed, stopped, killed and destroyed.
pub(super) async fn paused(subject: &Subject<'_>) -> Outcome {
    let environment = subject.create((subject.make_spec)()).await?;
    if !subject.capabilities.has(Feature::Pause) {
        environment.start().await?;
        refused("a pause", environment.pause().await, ErrorKind::Unsupported)?;
        return Ok(environment.destroy().await?);
    }
    refused(
        "a pause before the start",
        environment.pause().await,
        ErrorKind::WrongStatus,
    )?;
    environment.start().await?;
    refused(
        "a resume while it runs",
        environment.unpause().await,
        ErrorKind::WrongStatus,
    )?;
    sh(
        &environment,
        "(while :; do echo x >>ticks; sleep 0.02; done) >/dev/null 2>&1 &",
    )
    .await?;
    environment.pause().await?;
    equal("the status", environment.status(), Status::Paused)?;
    equal("inspected", environment.inspect().await?.status, Status::Paused)?;
    refused(
        "a second pause",
        environment.pause().await,
        ErrorKind::WrongStatus,
    )?;
    let Err(error) = environment.run(Command::new(["true"])).await else {
        return Err(Why("a command ran in a paused environment".into()));
    };
    equal("a command", error.kind(), ErrorKind::WrongStatus)?;
    let text = error.to_string();
    ensure(text.contains("paused") && text.contains("unpause"), text)?;
    refused("a start", environment.start().await, ErrorKind::WrongStatus)?;
    // Another process sees it, and can resume it.
    let other = subject.other_manager()?;
    let opened = other.open(environment.id().as_str()).await?;
    equal("the status for another", opened.status(), Status::Paused)?;
    opened.unpause().await?;
    environment.inspect().await?;
    let count = "wc -l <ticks";
    let before = sh(&environment, count).await?;
    while sh(&environment, count).await? == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    environment.pause().await?;
    environment.stop(Duration::ZERO).await?;
    equal("after a stop", environment.status(), Status::Stopped)?;
    refused(
        "a pause after the stop",
        environment.pause().await,
        ErrorKind::WrongStatus,
    )?;
    environment.start().await?;
    environment.pause().await?;
    environment.kill(crate::Signal::Kill).await?;
    equal("after a kill", environment.status(), Status::Stopped)?;
    environment.start().await?;
    environment.pause().await?;
    environment.restart(Duration::ZERO).await?;
    sh(&environment, "true").await?;
    environment.pause().await?;
    environment.destroy().await?;
    ensure(
        !subject.lists(environment.id()).await?,
        "it is listed after its destruction",
    )
}

/// A renamed environment is found by its new name, and can be removed.
pub(super) async fn renamed(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    if !subject.capabilities.has(Feature::Rename) {
        refused(
            "a rename",
            environment.rename("other").await,
            ErrorKind::Unsupported,
        )?;
        return Ok(environment.destroy().await?);
    }
    for name in ["", "a b", "größe", "-x"] {
        refused(name, environment.rename(name).await, ErrorKind::InvalidInput)?;
    }
    let name = format!("renamed-{}", environment.id().short());
    environment.rename(&name).await?;
    environment.rename(&name).await?;
    equal("the name", environment.name(), name.as_str())?;
    sh(&environment, "true").await?;
    environment.restart(Duration::ZERO).await?;
    let opened = subject.other_manager()?.open(&name).await?;
    equal("the ID", opened.id(), environment.id())?;
    equal("the name for another", opened.name(), name.as_str())?;
    environment.destroy().await?;
    ensure(
        !subject.lists(environment.id()).await?,
        "it is listed after its destruction",
    )
}

/// Limits can change while the environment runs.
pub(super) async fn updated(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let limits = ResourceLimits {
        pids: Some(77),
        ..ResourceLimits::default()
    };
    let updated = environment.update(&limits).await;
    let able = [Feature::LimitUpdates, Feature::PidsLimit];
    if !able.iter().all(|feature| subject.capabilities.has(*feature)) {
        refused("an update", updated, ErrorKind::Unsupported)?;
        return Ok(environment.destroy().await?);
    }
    updated?;
    let in_force = |environment: Environment| async move {
        let limits = environment.inspect().await?.limits;
        Ok::<_, Why>(limits.unwrap_or_default())
    };
    equal("the limit", in_force(environment.clone()).await?.pids, Some(77))?;
    let nothing = environment.update(&ResourceLimits::default()).await;
    refused("an update of nothing", nothing, ErrorKind::InvalidInput)?;
    let memory = |bytes: u64| ResourceLimits {
        memory: Some(bytes),
        ..ResourceLimits::default()
    };
    // Up and down again, without the limit of swap.
    for bytes in [64 << 20, 256 << 20, 128 << 20] {
        environment.update(&memory(bytes)).await?;
        let found = in_force(environment.clone()).await?;
        equal("the memory limit", found.memory, Some(bytes))?;
        equal("the other limit", found.pids, Some(77))?;
    }
    Ok(environment.destroy().await?)
}

/// The processes of the environment are listed.
pub(super) async fn processes_listed(subject: &Subject<'_>) -> Outcome {
    let environment = subject.create((subject.make_spec)()).await?;
    let early = environment.processes().await;
    if !subject.capabilities.has(Feature::Processes) {
        environment.start().await?;
        refused("a list", environment.processes().await, ErrorKind::Unsupported)?;
        return Ok(environment.destroy().await?);
    }
    refused("a list before the start", early, ErrorKind::WrongStatus)?;
    environment.start().await?;
    let before = environment.processes().await?.len();
    // This command runs until its input ends.
    let waiting = Command {
        input: Input::Piped,
        ..Command::new(["cat"])
    };
    let execution = environment.execute(waiting).await?;
    let listed = loop {
        let listed = environment.processes().await?;
        if listed.len() > before {
            break listed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let is_whole = |one: &ProcessEntry| one.pid > 0 && !one.user.is_empty() && !one.command.is_empty();
    ensure(listed.iter().all(is_whole), format!("{listed:?}"))?;
    drop(execution);
    Ok(environment.destroy().await?)
}
