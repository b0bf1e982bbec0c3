//! Removes chunks that no snapshot has.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::lock::Use;
use super::pack::PackWriter;
use super::{Session, SnapshotStore};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::digest::Digest;

/// A pack is written anew if this part of it, one in so many bytes, is unused.
const WORTH: u64 = 5;

/// The result of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Collected {
    /// The number of files that were removed: packs, and what killed processes have left.
    pub removed: u64,
    /// The number of packs that were written anew.
    pub rewritten: u64,
    /// How many bytes are free again.
    pub freed: u64,
    /// Packs that are damaged; they were left.
    pub damaged: Vec<PathBuf>,
}

impl SnapshotStore {
    /// Removes chunks that no snapshot has, and what killed processes have left. It waits until no
    /// other process uses the store. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Corrupt`](ErrorKind::Corrupt) if a snapshot is damaged, because its chunks are
    /// not known; nothing is removed then. [`Conflict`](ErrorKind::Conflict) if another process
    /// uses the store for long.
    pub fn gc(&self) -> Result<Collected> {
        let collected = self.collect();
        collected.map_err(|error| error.during("collect in", &self.path().display().to_string()))
    }

    fn collect(&self) -> Result<Collected> {
        let mut session = Session::begin(self, Use::Alone)?;
        session.prefer_sound();
        let live = self.live(&session)?;
        let mut report = Collected {
            damaged: session.damaged.iter().map(|(path, _)| path.clone()).collect(),
            ..Collected::default()
        };
        let mut by_pack: BTreeMap<usize, Vec<Digest>> = BTreeMap::new();
        for (digest, (number, _)) in &session.index {
            by_pack.entry(*number).or_default().push(*digest);
        }
        let mut writer = PackWriter::new(Arc::clone(self.disk()), self.temporary(), self.packs());
        let mut unused = Vec::new();
        for (number, path) in session.packs.iter().enumerate() {
            let chunks = by_pack.remove(&number).unwrap_or_default();
            let (kept, dropped): (Vec<_>, Vec<_>) =
                chunks.into_iter().partition(|digest| live.contains(digest));
            let sum = |some: &[Digest]| -> u64 {
                let stored = |digest| session.index.get(digest).map(|(_, at)| u64::from(at.stored));
                some.iter().filter_map(stored).sum()
            };
            if kept.is_empty() {
                unused.push(path.clone());
            } else if sum(&dropped) * WORTH > sum(&kept) + sum(&dropped) {
                match rewrite(&session, &mut writer, &kept) {
                    Ok(()) => {
                        report.rewritten += 1;
                        unused.push(path.clone());
                    }
                    // The rest, which can still be read, is left where it is.
                    Err(error) if error.kind() == ErrorKind::Corrupt => report.damaged.push(path.clone()),
                    Err(error) => return Err(error),
                }
            }
        }
        writer.finish()?;
        unused.extend(self.left()?);
        for path in unused {
            let size = fs::metadata(&path).map_or(0, |meta| meta.len());
            let removed = self.disk().remove(&path);
            removed.map_err(|e| Error::io("remove", &path, e))?;
            report.removed += 1;
            report.freed += size;
        }
        report.freed = report.freed.saturating_sub(writer.bytes());
        Ok(report)
    }

    /// The chunks of all snapshots.
    fn live(&self, session: &Session) -> Result<HashSet<Digest>> {
        let list = self.list()?;
        if let Some((id, error)) = list.damaged.first() {
            if error.kind() != ErrorKind::Corrupt {
                let why = format!("the chunks of the snapshot {} are not known: {error}", id.short());
                return Err(Error::new(error.kind(), why));
            }
            let why = format!(
                "the snapshot {} is damaged, so its chunks are not known ({error}); remove it: \
                 isolate snapshot rm {}",
                id.short(),
                id.short()
            );
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        let mut live = HashSet::new();
        for snapshot in &list.snapshots {
            for part in &snapshot.manifest.parts {
                live.extend(part.tree.iter().copied());
                let tree = part.entries(session).map_err(|error| {
                    let why = format!(
                        "the snapshot {} is damaged, so its chunks are not known: {error}; remove it",
                        snapshot.id.short()
                    );
                    Error::new(error.kind(), why)
                })?;
                live.extend(tree.iter().flat_map(|entry| entry.chunks().iter().copied()));
            }
        }
        Ok(live)
    }

    /// The files that killed processes have left.
    fn left(&self) -> Result<Vec<PathBuf>> {
        let directory = self.temporary();
        let failed = |error| Error::io("list", &directory, error);
        let listed = fs::read_dir(&directory).map_err(failed)?;
        listed
            .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
            .collect()
    }
}

fn rewrite(session: &Session, writer: &mut PackWriter, chunks: &[Digest]) -> Result<()> {
    // All of them first: a pack with a damaged chunk is not written anew.
    for digest in chunks {
        session.chunk(digest)?;
    }
    for digest in chunks {
        writer.add(*digest, &session.chunk(digest)?)?;
    }
    Ok(())
}
