//! Checks of environments that another process has created. Here, another manager creates them.

use std::time::Duration;

use super::subject::{Outcome, Subject, ensure, equal, refused, sh};
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::spec::CopyIn;
use crate::{ErrorKind, Status};

pub(super) async fn opened(subject: &Subject<'_>) -> Outcome {
    let mut spec = (subject.make_spec)();
    spec.name = Some("conformance open".into());
    spec.env = [("SECRET", "with=equal signs"), ("EMPTY", "")].into();
    spec.working_dir = Some("/conformance/work".into());
    spec.session = Some("some-session".into());
    spec.labels = [("team".to_owned(), "core".to_owned())].into();
    spec.copies = vec![CopyIn {
        source: std::env::current_exe()?,
        target: "copied".into(),
    }];
    let environment = subject.create(spec).await?;
    environment.start().await?;
    sh(&environment, "echo here > file").await?;

    let other = subject.other_manager()?;
    let opened = other.open(environment.id().as_str()).await?;
    equal("the name", opened.name(), environment.name())?;
    equal("the status", opened.status(), Status::Running)?;
    ensure(
        opened.spec() == environment.spec(),
        format!("another specification: {:?}", opened.spec()),
    )?;
    let seen = sh(&opened, "cat file; echo \"$SECRET\"").await?;
    equal("a command", seen.as_str(), "here\nwith=equal signs")?;
    drop(opened);
    drop(other);
    sh(&environment, "true").await?;
    Ok(environment.destroy().await?)
}

pub(super) async fn found(subject: &Subject<'_>) -> Outcome {
    let unique = format!("conformance-{}", crate::EnvironmentId::random());
    let named = || {
        let mut spec = (subject.make_spec)();
        spec.name = Some(unique.clone());
        spec
    };
    let first = subject.create(named()).await?;
    let manager = subject.other_manager()?;
    equal("by name", manager.open(&unique).await?.id(), first.id())?;
    let beginning = &first.id().as_str()[..15];
    equal("by a beginning", manager.open(beginning).await?.id(), first.id())?;
    let second = subject.create(named()).await?;
    refused("a name of two", manager.open(&unique).await, ErrorKind::Conflict)?;
    first.destroy().await?;
    equal("by name again", manager.open(&unique).await?.id(), second.id())?;
    second.destroy().await?;
    refused("a name of none", manager.open(&unique).await, ErrorKind::NotFound)?;
    refused("a blank name", manager.open(" ").await, ErrorKind::InvalidInput)
}

pub(super) async fn changed_by_another(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let manager = subject.other_manager()?;
    let other = manager.open(environment.id().as_str()).await?;
    if subject.capabilities.has(Feature::Commands) {
        other.stop(Duration::from_secs(2)).await?;
        equal("it seems to run", environment.status(), Status::Running)?;
        equal(
            "it is stopped",
            environment.inspect().await?.status,
            Status::Stopped,
        )?;
        equal("and known to be", environment.status(), Status::Stopped)?;
        environment.start().await?;
        equal("it runs again", other.inspect().await?.status, Status::Running)?;
        sh(&other, "true").await?;
    }
    other.destroy().await?;
    let late = environment.run(Command::shell("true")).await;
    refused("a command after another has destroyed it", late, ErrorKind::Lost)?;
    equal("the status", environment.status(), Status::Lost)?;
    equal("inspected", environment.inspect().await?.status, Status::Lost)?;
    refused("a start", environment.start().await, ErrorKind::Lost)?;
    environment.destroy().await?;
    equal("the status at last", environment.status(), Status::Destroyed)
}

pub(super) async fn destroyed_by_another(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let manager = subject.other_manager()?;
    manager.open(environment.id().as_str()).await?.destroy().await?;
    ensure(!subject.lists(environment.id()).await?, "it is still listed")?;
    let again = manager.open(environment.id().as_str()).await;
    refused("an ID that is gone", again, ErrorKind::NotFound)?;
    Ok(environment.destroy().await?)
}
