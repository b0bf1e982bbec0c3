//! Forks and snapshots.

#[cfg(unix)]
use super::subject::HostDirectory;
use super::subject::{Outcome, Subject, equal, refused, sh};
#[cfg(unix)]
use crate::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use crate::{ErrorKind, ForkOptions, Manager};

/// Files of several kinds.
const FILES: &str = "mkdir -p states/d && cd states && echo one >f && ln f g && ln -s f l && chmod 750 f && \
                     echo two >'d/b c'";

/// Their contents and modes.
const LOOK: &str = "cd states && ls && cat f g l d/* && [ -x f ] && [ -L l ]";

pub(super) async fn forked(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let manager: &Manager = &subject.manager;
    if environment.shared().instance.forks().is_none() {
        let forked = manager.fork(&environment, 1, ForkOptions::default()).await;
        return refused("a fork", forked, ErrorKind::Unsupported);
    }
    sh(&environment, FILES).await?;
    let before = sh(&environment, LOOK).await?;
    let forks = manager.fork(&environment, 2, ForkOptions::default()).await?;
    for fork in &forks {
        equal("a fork", sh(fork, LOOK).await?, before.clone())?;
    }
    // A change of one name of a file is seen by no other fork. Whether it is seen under the other
    // name depends on the file system: overlays copy a file before its first change.
    sh(&forks[0], "cd states && echo more >>f && rm l").await?;
    equal(
        "a change",
        sh(&forks[0], "cat states/f").await?,
        "one\nmore".to_owned(),
    )?;
    equal("the other fork", sh(&forks[1], LOOK).await?, before.clone())?;
    equal("the original", sh(&environment, LOOK).await?, before.clone())?;
    environment.destroy().await?;
    let again = manager.fork(&forks[1], 1, ForkOptions::default()).await?;
    forks[1].destroy().await?;
    equal("a fork of a fork", sh(&again[0], LOOK).await?, before)
}

pub(super) async fn prepared(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    if environment.shared().instance.forks().is_none() {
        return Ok(environment.destroy().await?);
    }
    sh(&environment, FILES).await?;
    let before = sh(&environment, LOOK).await?;
    let prepared = subject
        .manager
        .prepare_forks(&environment, 1, ForkOptions::default())
        .await?;
    sh(&environment, "echo later >states/f").await?;
    environment.destroy().await?;
    for _ in 0..2 {
        let fork = prepared.take().await?;
        equal("a prepared fork", sh(&fork, LOOK).await?, before.clone())?;
        sh(&fork, "echo mine >states/f").await?;
    }
    Ok(())
}

#[cfg(unix)]
pub(super) async fn restored(subject: &Subject<'_>) -> Outcome {
    let environment = subject.environment().await?;
    let directory = HostDirectory::new()?;
    let store = SnapshotStore::open(Some(&directory.0.join("store")))?;
    if environment.shared().instance.saves().is_none() {
        let saved = environment.snapshot(&store, SnapshotOptions::default()).await;
        return refused("a snapshot", saved, ErrorKind::Unsupported);
    }
    sh(&environment, FILES).await?;
    let before = sh(&environment, LOOK).await?;
    let first = environment.snapshot(&store, SnapshotOptions::default()).await?;
    sh(&environment, "cd states && echo more >>g && rm l && mkdir new").await?;
    let look = "cd states && ls && cat f g";
    let after = sh(&environment, look).await?;
    let second = environment.snapshot(&store, SnapshotOptions::default()).await?;
    equal(
        "the parent",
        second.snapshot.manifest.parent,
        Some(first.snapshot.id),
    )?;
    environment.destroy().await?;
    // The second one does not need the first one.
    let options = RestoreOptions::default();
    let one = subject
        .manager
        .restore(&store, &first.snapshot, options.clone())
        .await?;
    equal("the first snapshot", sh(&one.environment, LOOK).await?, before)?;
    store.remove(&first.snapshot.id)?;
    store.gc()?;
    let two = subject.manager.restore(&store, &second.snapshot, options).await?;
    equal("the second snapshot", sh(&two.environment, look).await?, after)
}
