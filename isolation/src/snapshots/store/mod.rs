//! The store of snapshots: a directory of this user.
//!
//! ```text
//! STORE/              0700
//!   lock              shared by those who read and add, alone for the collection
//!   snapshots/ID.json the manifests; the ID is the SHA-256 digest of the file
//!   packs/HEX.pack    chunks of files, each once
//!   new/              what is being written
//! ```

mod cut;
mod disk;
mod find;
mod gc;
mod lock;
pub(crate) mod pack;
mod session;
mod verify;
pub(crate) mod writer;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

pub(crate) use self::disk::sync_directory;
use self::disk::{Disk, NO_FILE, RealDisk, make_directory, open_file, publish};
use self::lock::Use;
pub(crate) use self::session::Session;
use self::writer::StoreWriter;
use super::digest::Digest;
use super::manifest::{Manifest, Snapshot};
use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};

pub use self::find::SnapshotList;
pub use self::gc::Collected;
pub use self::verify::Verified;

/// The environment variable that names the directory of the store.
pub const VARIABLE: &str = "ISOLATE_SNAPSHOT_STORE";

/// The store of snapshots: a directory of this user. Its calls block for as long as the disk needs;
/// those of environments and managers do not.
///
/// Every file is cut into chunks, and every chunk is stored once, whatever snapshot, environment or
/// engine it comes from. A process that is killed, or a full disk, leaves every earlier snapshot as
/// it was.
#[derive(Debug, Clone)]
pub struct SnapshotStore {
    path: Arc<Path>,
    disk: Arc<dyn Disk>,
}

/// How much a store needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreUsage {
    /// The number of snapshots.
    pub snapshots: u64,
    /// The number of chunks.
    pub chunks: u64,
    /// The size of all files of the store, in bytes.
    pub bytes: u64,
    /// The size of the files in all snapshots, in bytes.
    pub files: u64,
}

impl SnapshotStore {
    /// The largest manifest that is read, in bytes.
    pub(crate) const LARGEST_MANIFEST: u64 = 64 << 20;

    /// Opens the store in this directory, which is created if it does not exist. By default that is
    /// the one that `ISOLATE_SNAPSHOT_STORE` names, then `$XDG_DATA_HOME/isolate/snapshots`, then
    /// `~/.local/share/isolate/snapshots`.
    pub fn open(directory: Option<&Path>) -> Result<Self> {
        let path = place(directory, |name| std::env::var_os(name));
        let opened = path.and_then(|path| Self::with_disk(&path, Arc::new(RealDisk)));
        opened.map_err(|error| error.during("open the snapshot store", ""))
    }

    pub(crate) fn with_disk(path: &Path, disk: Arc<dyn Disk>) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|e| Error::io("resolve the directory", path, e))?;
        let failed = |error| Error::io("create the directory", &path, error);
        make_directory(&*disk, &path).map_err(failed)?;
        check_directory(&path)?;
        let store = Self {
            path: path.into(),
            disk,
        };
        for directory in [store.packs(), store.snapshots(), store.temporary()] {
            let made = make_directory(&*store.disk, &directory);
            made.map_err(|e| Error::io("create the directory", &directory, e))?;
            check_directory(&directory)?;
        }
        Ok(store)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn packs(&self) -> PathBuf {
        self.path.join("packs")
    }

    fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    fn temporary(&self) -> PathBuf {
        self.path.join("new")
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    fn manifest_path(&self, id: &Digest) -> PathBuf {
        self.snapshots().join(format!("{id}.json"))
    }

    /// Begins to read. This blocks.
    pub(crate) fn session(&self) -> Result<Session> {
        Session::begin(self, Use::Shared)
    }

    /// Begins to add. This blocks.
    pub(crate) fn writer(&self) -> Result<StoreWriter> {
        Ok(StoreWriter::new(Arc::new(self.session()?)))
    }

    /// Completes a snapshot: the chunks first, then the manifest. Returns the number of bytes that
    /// were added, too. This blocks.
    pub(crate) fn publish(&self, mut writer: StoreWriter, manifest: Manifest) -> Result<(Snapshot, u64)> {
        writer.finish()?;
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
        if text.len() as u64 > Self::LARGEST_MANIFEST {
            return Err(Error::invalid("the snapshot has too many parts"));
        }
        let snapshot = self.publish_text(writer.session(), &text, manifest)?;
        Ok((snapshot, writer.bytes() + text.len() as u64))
    }

    /// Writes a manifest, whose chunks are in packs.
    pub(crate) fn publish_text(&self, _: &Session, text: &[u8], manifest: Manifest) -> Result<Snapshot> {
        // Another process may have written some of the packs, and not have waited for the disk yet.
        let packs = self.packs();
        let synced = File::open(&packs).and_then(|packs| self.disk.sync(&packs));
        synced.map_err(|e| Error::io("write", &packs, e))?;
        let id = Digest::of(text);
        let new = self.temporary().join(format!("{}.json", random_hex()));
        let target = self.manifest_path(&id);
        let written = self.disk.create(&new).and_then(|mut file| {
            self.disk.write(&mut file, text)?;
            publish(&*self.disk, &file, &new, &target)
        });
        written.map_err(|error| {
            // The collection removes what is left.
            let _ = self.disk.remove(&new);
            Error::io("write the manifest", &target, error)
        })?;
        Ok(Snapshot {
            id,
            imported: self.is_foreign(&id)?,
            manifest,
        })
    }

    /// The mark of a snapshot that came from elsewhere.
    fn foreign_path(&self, id: &Digest) -> PathBuf {
        self.snapshots().join(format!("{id}.foreign"))
    }

    fn is_foreign(&self, id: &Digest) -> Result<bool> {
        let path = self.foreign_path(id);
        match path.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// Marks a snapshot that is about to be imported, unless it was made here.
    pub(crate) fn mark_foreign(&self, text: &[u8]) -> Result<()> {
        let id = Digest::of(text);
        let path = self.foreign_path(&id);
        if self.is_foreign(&id)? || self.manifest_path(&id).exists() {
            return Ok(());
        }
        let marked = self.disk.create(&path).and_then(|file| {
            self.disk.sync(&file)?;
            sync_directory(&*self.disk, &path)
        });
        marked.map_err(|e| Error::io("write", &path, e))
    }

    /// The text of a manifest, compared with its ID. This blocks.
    pub(crate) fn manifest_text(&self, id: &Digest) -> Result<Vec<u8>> {
        let path = self.manifest_path(id);
        let mut text = Vec::new();
        let read = open_file(&path).and_then(|file| match file {
            Some(file) => file
                .take(Self::LARGEST_MANIFEST + 1)
                .read_to_end(&mut text)
                .map(Some),
            None => Ok(None),
        });
        match read {
            Ok(None) => Err(self.damaged_manifest(id, NO_FILE)),
            Ok(_) if Digest::of(&text) == *id => Ok(text),
            Ok(_) => Err(self.damaged_manifest(id, "its content does not fit its name")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::not_found(format!("there is no snapshot {}", id.short())))
            }
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    fn damaged_manifest(&self, id: &Digest, why: &str) -> Error {
        let path = self.manifest_path(id);
        let why = format!("{} is damaged: {why}; remove the snapshot", path.display());
        Error::new(ErrorKind::Corrupt, why)
    }

    /// Reads a manifest. This blocks.
    fn read(&self, id: &Digest) -> Result<Snapshot> {
        let text = self.manifest_text(id)?;
        let manifest = Manifest::read(&text).map_err(|error| match error.kind() {
            ErrorKind::Corrupt => self.damaged_manifest(id, &error.to_string()),
            _ => error,
        })?;
        Ok(Snapshot {
            id: *id,
            imported: self.is_foreign(id)?,
            manifest,
        })
    }

    /// Removes a snapshot. The others stay complete, also those that were made as increments of it;
    /// [`gc`](Self::gc) then removes the chunks that no other snapshot has.
    pub fn remove(&self, id: &Digest) -> Result<()> {
        let path = self.manifest_path(id);
        match self.disk.remove(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::not_found(format!("there is no snapshot {}", id.short())));
            }
            Err(error) => return Err(Error::io("remove", &path, error)),
        }
        // First on the disk: without its mark, a foreign snapshot would be trusted.
        sync_directory(&*self.disk, &path).map_err(|e| Error::io("remove", &path, e))?;
        match self.is_foreign(id)? {
            true => {
                let mark = self.foreign_path(id);
                self.disk.remove(&mark).map_err(|e| Error::io("remove", &mark, e))
            }
            false => Ok(()),
        }
    }

    /// How much the store needs. This blocks.
    pub fn usage(&self) -> Result<StoreUsage> {
        let session = self.session()?;
        let list = self.list()?;
        let files = list.snapshots.iter().map(|one| one.manifest.size());
        let mut usage = StoreUsage {
            snapshots: (list.snapshots.len() + list.damaged.len()) as u64,
            chunks: session.index.len() as u64,
            // Those of foreign manifests may be any number.
            files: files.fold(0, u64::saturating_add),
            bytes: 0,
        };
        for directory in [self.packs(), self.snapshots(), self.temporary()] {
            let failed = |error| Error::io("list", &directory, error);
            for entry in fs::read_dir(&directory).map_err(failed)? {
                // Another process may have removed it.
                if let Ok(meta) = entry.map_err(failed)?.metadata() {
                    usage.bytes += meta.len();
                }
            }
        }
        Ok(usage)
    }
}

/// Refuses a directory that others can change. They could replace what is about to be completed, or
/// add snapshots that are not marked as foreign.
fn check_directory(path: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(path).map_err(|e| Error::io("read", path, e))?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        let why = format!(
            "{} is not a directory to which only this user may write; choose another, or change \
             its owner and mode",
            path.display()
        );
        return Err(Error::new(ErrorKind::Conflict, why));
    }
    Ok(())
}

/// The directory of a store: this one, or that of the environment.
fn place(directory: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named = directory
        .map(Path::to_owned)
        .or_else(|| variable(VARIABLE).map(PathBuf::from));
    let data = || {
        let data = variable("XDG_DATA_HOME").map(PathBuf::from);
        let data = data.filter(|path| path.is_absolute());
        let home = variable("HOME").map(|home| Path::new(&home).join(".local/share"));
        data.or(home).map(|data| data.join("isolate/snapshots"))
    };
    named.or_else(data).ok_or_else(|| {
        Error::invalid(format!(
            "neither {VARIABLE} nor HOME names a directory for snapshots; set one of them"
        ))
    })
}

#[cfg(test)]
pub(super) mod tests;
