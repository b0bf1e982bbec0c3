//! Reads a whole snapshot, and compares everything with its digests.

use serde::Serialize;

use super::SnapshotStore;
use crate::error::Result;
use crate::snapshots::manifest::Snapshot;

/// The amount of data that was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The number of files, directories and links.
    pub entries: u64,
    /// The number of bytes in files.
    pub bytes: u64,
}

impl SnapshotStore {
    /// Reads every byte of a snapshot, and compares it with its digest. This blocks.
    ///
    /// # Errors
    ///
    /// The kind is [`Corrupt`](crate::ErrorKind::Corrupt) if something is damaged or missing.
    pub fn verify(&self, snapshot: &Snapshot) -> Result<Verified> {
        let verified = self.read_all(snapshot);
        verified.map_err(|error| error.during("verify the snapshot", &snapshot.id.short()))
    }

    fn read_all(&self, snapshot: &Snapshot) -> Result<Verified> {
        let session = self.session()?;
        let mut verified = Verified::default();
        for part in &snapshot.manifest.parts {
            for entry in part.entries(&session)? {
                verified.entries += 1;
                for chunk in entry.chunks() {
                    verified.bytes += session.chunk(chunk)?.len() as u64;
                }
            }
        }
        Ok(verified)
    }
}
