//! The snapshots of a store, and the one that a person means.

use std::fs;

use serde::Serialize;

use super::SnapshotStore;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;
use crate::snapshots::digest::Digest;
use crate::snapshots::manifest::Snapshot;
use crate::spec::validate;

/// The snapshots of a store.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct SnapshotList {
    /// Those that can be read, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Those whose manifest is damaged, and why.
    pub damaged: Vec<(Digest, Error)>,
}

impl SnapshotStore {
    /// The snapshots, oldest first. This blocks.
    pub fn list(&self) -> Result<SnapshotList> {
        let mut list = SnapshotList::default();
        for id in self.ids()? {
            match self.read(&id) {
                Ok(snapshot) => list.snapshots.push(snapshot),
                // Another process has removed it.
                Err(error) if error.is_not_found() => {}
                Err(error) => list.damaged.push((id, error)),
            }
        }
        list.snapshots
            .sort_by(|a, b| (&a.manifest.created, &a.id).cmp(&(&b.manifest.created, &b.id)));
        Ok(list)
    }

    /// The IDs of all manifests.
    pub(super) fn ids(&self) -> Result<Vec<Digest>> {
        let directory = self.snapshots();
        let failed = |error| Error::io("list", &directory, error);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            // Other files are not touched.
            ids.extend(id.and_then(|id| id.parse::<Digest>().ok()));
        }
        Ok(ids)
    }

    /// Rejects a name that a snapshot has, or that looks like an ID. This blocks.
    pub(crate) fn check_name(&self, name: &str) -> Result<()> {
        validate::label(name)?;
        if name.parse::<Digest>().is_ok() {
            let why = "a name of a snapshot must not look like an ID; choose another name";
            return Err(Error::invalid(why));
        }
        let named = self.named(name)?;
        match named.last() {
            None => Ok(()),
            Some(id) => {
                let id = id.short();
                let why = format!(
                    "the snapshot {id} has the name {name:?} already; choose another name, or remove that \
                     snapshot first: isolate snapshot rm {id}",
                    name = short(name)
                );
                Err(Error::new(ErrorKind::Conflict, why))
            }
        }
    }

    /// The IDs of the snapshots with a name, oldest first.
    fn named(&self, name: &str) -> Result<Vec<Digest>> {
        let all = self.list()?.snapshots.into_iter();
        let named = all.filter(|one| one.manifest.name.as_deref() == Some(name));
        Ok(named.map(|one| one.id).collect())
    }

    /// The snapshot that is meant by its ID, by its name, or by a unique beginning of the ID. An
    /// imported snapshot may have the name of another one; then the name is an error of the kind
    /// [`Conflict`](ErrorKind::Conflict) that lists their IDs. This blocks.
    pub fn find(&self, reference: &str) -> Result<Snapshot> {
        let found = self.id_of(reference).and_then(|id| self.read(&id));
        found.map_err(|error| error.during("find the snapshot", reference))
    }

    /// As [`find`](Self::find), also for a snapshot that is damaged. This blocks.
    pub fn id_of(&self, reference: &str) -> Result<Digest> {
        validate::text("the snapshot", reference)?;
        let ids = self.ids()?;
        if let Some(id) = ids.iter().find(|id| id.to_string() == reference) {
            return Ok(*id);
        }
        match self.named(reference)?[..] {
            [] => {}
            [id] => return Ok(id),
            ref several => {
                let ids: Vec<String> = several.iter().map(Digest::short).collect();
                let why = format!(
                    "several snapshots have this name: {}, oldest first; write the ID",
                    ids.join(", ")
                );
                return Err(Error::new(ErrorKind::Conflict, why));
            }
        }
        let begins = ids.iter().filter(|id| id.to_string().starts_with(reference));
        match begins.collect::<Vec<_>>()[..] {
            [id] => Ok(*id),
            [] => Err(Error::not_found(
                "no snapshot has this name or ID; list them: isolate snapshot ls",
            )),
            _ => {
                let why = "several snapshots have an ID that begins with it; write more of the ID";
                Err(Error::new(ErrorKind::Conflict, why))
            }
        }
    }
}
