//! Requests about snapshots, which are in the store of this user.

use serde_json::{Map, Value};

use super::answers::{not_a_request, object};
use super::session::{Session, opened};
use crate::error::{Error, Result};
use crate::protocol::call::Call;
use crate::protocol::states::{Restore, Restored, SnapshotText, Snapshots, TakeSnapshot};
use crate::snapshots::{LeftOut, RestoreOptions, Snapshot, SnapshotOptions, SnapshotStore};

/// Does what a request about snapshots asks for; returns its result.
pub(super) async fn run(session: &Session, call: Call) -> Result<Map<String, Value>> {
    match call {
        Call::Snapshot(take) => object(&self::take(session, take).await?),
        Call::Restore(restore) => object(&self::restore(session, *restore).await?),
        Call::Snapshots(_) => object(&blocking(|store| list(&store)).await?),
        Call::RemoveSnapshot(of) => {
            blocking(move |store| store.remove(&store.id_of(&of.snapshot)?)).await?;
            Ok(Map::new())
        }
        _ => Err(not_a_request()),
    }
}

/// Does blocking work with the store, on a thread for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(SnapshotStore) -> Result<T> + Send + 'static,
) -> Result<T> {
    let work = move || work(SnapshotStore::open(None)?);
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(Error::engine("snapshots", ended)),
    }
}

async fn take(session: &Session, take: TakeSnapshot) -> Result<SnapshotText> {
    let environment = session.environment(&take.environment).await?;
    let options = SnapshotOptions {
        name: take.name,
        full: take.full,
        bytecode: take.bytecode,
        packages: take.packages,
        ..SnapshotOptions::default()
    };
    let store = blocking(Ok).await?;
    let saved = environment.snapshot(&store, options).await?;
    Ok(text(&saved.snapshot))
}

async fn restore(session: &Session, restore: Restore) -> Result<Restored> {
    let Restore {
        snapshot: reference,
        engine,
        name,
        lifetime,
        env,
        trust,
    } = restore;
    let (store, snapshot) = blocking(move |store| {
        let found = store.find(&reference)?;
        Ok((store, found))
    })
    .await?;
    let options = RestoreOptions {
        engine,
        name,
        lifetime,
        env,
        trust,
        ..RestoreOptions::default()
    };
    let restored = session.manager().restore(&store, &snapshot, options).await?;
    session.insert(&restored.environment);
    Ok(Restored {
        environment: opened(&restored.environment),
        missing_variables: restored.missing_variables,
        lost: restored.lost.iter().map(sentence).collect(),
    })
}

fn list(store: &SnapshotStore) -> Result<Snapshots> {
    let list = store.list()?;
    Ok(Snapshots {
        snapshots: list.snapshots.iter().map(text).collect(),
        damaged: list.damaged.iter().map(|(id, _)| id.to_string()).collect(),
    })
}

fn text(snapshot: &Snapshot) -> SnapshotText {
    let manifest = &snapshot.manifest;
    let left = manifest.left_out.iter();
    SnapshotText {
        id: snapshot.id.to_string(),
        name: manifest.name.clone(),
        engine: manifest.engine.clone(),
        environment: manifest.environment.to_string(),
        size: manifest.size(),
        left_out: left.map(sentence).collect(),
    }
}

fn sentence(left: &LeftOut) -> String {
    format!("{}: {}", left.what, left.why)
}
