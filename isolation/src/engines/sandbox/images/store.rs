//! The images that are kept for sandboxes: a tree for each, under the digest of its configuration.
//!
//! ```text
//! CACHE/isolate/sandbox/
//!   lock              held for each change
//!   names.json        the names of images
//!   new-RANDOM/       an import; its process holds a lock on it
//!   ID.USER/          an image; USER is its first user on this machine but the caller
//!     image.json      its configuration
//!     root/           its files, which never change
//!     used/ID         the directory of an environment that uses it
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::super::identity::Identity;
use super::description::{familiar, json};
use super::kept::{Kept, NOTE, Note, read, read_note, write};
use crate::environment::id::{EnvironmentId, random_hex};
use crate::error::{Error, ErrorKind, Result};
use crate::files::remove_tree::remove_tree;
use crate::snapshots::Digest;

const NAMES: &str = "names.json";
const UNFINISHED: &str = "new-";
const REMOVED: &str = "old-";

/// The fewest digits of an ID that name an image.
const FEWEST_DIGITS: usize = 6;

/// Removes a tree with files of every user of environments.
type RemoveTree = fn(Identity, &Path) -> Result<()>;

/// The kept images for one root user.
#[derive(Debug, Clone)]
pub(in super::super) struct ImageStore {
    top: PathBuf,
    identity: Identity,
}

/// An image that is being imported. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Unfinished {
    directory: PathBuf,
    /// Tells other processes that this one is at work on it.
    _lock: File,
}

impl Unfinished {
    pub(super) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// A file that is removed at the end.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing is there if it was finished; a later import removes what stays.
        let _ = remove_tree(&self.directory);
    }
}

impl ImageStore {
    /// The store in this directory, which is created.
    pub(in super::super) fn open(top: &Path, identity: Identity) -> Result<Self> {
        let failed = |e| Error::io("create the directory", top, e);
        // The users of an environment pass through it; others see no files.
        let (above, own) = match identity.owner() {
            Some(_) => (0o755, 0o711),
            None => (0o700, 0o700),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(above)
            .create(top.parent().unwrap_or(top))
            .map_err(failed)?;
        DirBuilder::new()
            .recursive(true)
            .mode(own)
            .create(top)
            .map_err(failed)?;
        let real = fs::canonicalize(top).map_err(failed)?;
        let meta = real.metadata().map_err(failed)?;
        if meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(Error::invalid(format!(
                "other users may write to {}, the directory of the images of sandboxes; change its owner \
                 and mode, or name another with XDG_CACHE_HOME",
                real.display()
            )));
        }
        if meta.mode() & 0o777 != own {
            fs::set_permissions(&real, Permissions::from_mode(own)).map_err(failed)?;
        }
        Ok(Self { top: real, identity })
    }

    pub(in super::super) fn top(&self) -> &Path {
        &self.top
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// The lock for a short change.
    fn lock(&self) -> Result<File> {
        let path = self.top.join("lock");
        let failed = |e| Error::io("lock", &path, e);
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        Ok(file)
    }

    /// Begins an import, after removing what killed processes have left.
    pub(super) fn begin(&self, remove_tree: RemoveTree) -> Result<Unfinished> {
        let _lock = self.lock()?;
        for path in self.entries()? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with(UNFINISHED) || name.starts_with(REMOVED) {
                self.remove_abandoned(&path, remove_tree)?;
            }
        }
        let directory = self.top.join(format!("{UNFINISHED}{}", random_hex()));
        let failed = |e| Error::io("create the directory", &directory, e);
        DirBuilder::new().mode(0o700).create(&directory).map_err(failed)?;
        let lock = File::open(&directory).map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| failed(e.into()))?;
        let made = Unfinished {
            directory: directory.clone(),
            _lock: lock,
        };
        for part in ["root", "used"] {
            let path = directory.join(part);
            DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        }
        Ok(made)
    }

    fn remove_abandoned(&self, path: &Path, remove_tree: RemoveTree) -> Result<()> {
        let Ok(file) = File::open(path) else {
            // Its process has removed it meanwhile.
            return Ok(());
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => remove_tree(self.identity, path),
            Err(_) => Ok(()),
        }
    }

    /// Finishes an import: from now on the image can be used, under these names too.
    pub(super) fn finish(&self, made: &Unfinished, note: &Note, names: &[String]) -> Result<Kept> {
        let text = serde_json::to_vec(note).map_err(|e| Error::new(ErrorKind::Corrupt, e.to_string()))?;
        let path = made.directory.join(NOTE);
        write(&path, &text).map_err(|e| Error::io("write", &path, e))?;
        if let Some(owner) = self.identity.owner() {
            let given = rustix::fs::chown(&made.directory, None, owner.gid()).map_err(io::Error::from);
            given
                .and_then(|()| fs::set_permissions(&made.directory, Permissions::from_mode(0o710)))
                .map_err(|e| Error::io("set the permissions of", &made.directory, e))?;
        }
        let kept = self.directory_of(&note.id);
        let _lock = self.lock()?;
        if !kept.exists() {
            fs::rename(&made.directory, &kept).map_err(|e| Error::io("rename", &made.directory, e))?;
        }
        let mut all = self.names()?;
        for name in names {
            all.insert(name.clone(), note.id);
        }
        self.write_names(&all)?;
        self.kept(&kept, &all)
    }

    fn directory_of(&self, id: &Digest) -> PathBuf {
        let user = match self.identity {
            Identity::Range { first } => first,
            Identity::Mapped { first } => first,
            Identity::Caller => rustix::process::geteuid().as_raw(),
        };
        self.top.join(format!("{id}.{user}"))
    }

    /// The image with this ID, if it is kept.
    pub(super) fn with_id(&self, id: &Digest) -> Result<Option<Kept>> {
        let directory = self.directory_of(id);
        match directory.exists() {
            true => self.kept(&directory, &self.names()?).map(Some),
            false => Ok(None),
        }
    }

    /// Adds names to an image.
    pub(super) fn name(&self, id: &Digest, names: &[String]) -> Result<()> {
        let _lock = self.lock()?;
        let mut all = self.names()?;
        all.extend(names.iter().map(|name| (name.clone(), *id)));
        self.write_names(&all)
    }

    /// The images, those without a name too.
    pub(super) fn list(&self) -> Result<Vec<Kept>> {
        let names = self.names()?;
        let user = self.directory_of(&Digest::of(b""));
        let user = user.extension().unwrap_or_default().to_owned();
        let entries = self.entries()?.into_iter();
        let images = entries.filter(|path| {
            let id = path.file_stem().and_then(|stem| stem.to_str());
            path.extension() == Some(user.as_os_str()) && id.is_some_and(|id| id.parse::<Digest>().is_ok())
        });
        let mut found = Vec::new();
        for path in images {
            match self.kept(&path, &names) {
                // Another process has removed it meanwhile.
                Err(error) if error.is_not_found() => {}
                kept => found.push(kept?),
            }
        }
        found.sort_by_key(|kept| std::cmp::Reverse(kept.note.imported));
        Ok(found)
    }

    /// The image with this name or ID.
    pub(in super::super) fn find(&self, reference: &str) -> Result<Kept> {
        let missing = || {
            Error::not_found(format!(
                "the engine sandbox does not have the image {reference}; import it with `isolate image \
                 import --engine sandbox {reference}`"
            ))
        };
        if let Some(id) = familiar(reference).and_then(|name| self.names().ok()?.get(&name).copied()) {
            return self.with_id(&id)?.ok_or_else(missing);
        }
        let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
        let is_id = digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut fitting = match is_id {
            true => self.list()?,
            false => Vec::new(),
        };
        fitting.retain(|kept| kept.note.id.to_string().starts_with(digits));
        match (fitting.pop(), fitting.is_empty()) {
            (Some(kept), true) => Ok(kept),
            (Some(_), false) => Err(Error::invalid(format!("several images begin with {reference}"))),
            (None, _) => Err(missing()),
        }
    }

    /// Notes that an environment uses an image: it cannot be removed then.
    pub(in super::super) fn use_for(
        &self,
        reference: &str,
        id: &EnvironmentId,
        directory: &Path,
    ) -> Result<Kept> {
        let _lock = self.lock()?;
        let kept = self.find(reference)?;
        kept.note_use(id, directory)?;
        Ok(kept)
    }

    /// The same for an image of the store that another environment uses.
    pub(in super::super) fn share(kept: &Kept, id: &EnvironmentId, directory: &Path) -> Result<()> {
        let store = Self {
            top: kept.directory.parent().unwrap_or(&kept.directory).to_owned(),
            identity: kept.identity,
        };
        let _lock = store.lock()?;
        kept.note_use(id, directory)
    }

    /// Removes a name, or with an ID all of them. The last one removes the image, unless an
    /// environment uses it. Returns what was removed.
    pub(super) fn remove(&self, reference: &str, remove_tree: RemoveTree) -> Result<Vec<String>> {
        let lock = self.lock()?;
        let kept = self.find(reference)?;
        let mut all = self.names()?;
        let name = familiar(reference).filter(|name| all.contains_key(name));
        let gone: Vec<String> = match &name {
            Some(name) => vec![name.clone()],
            None => kept.names.clone(),
        };
        all.retain(|name, _| !gone.contains(name));
        let is_last = !all.values().any(|id| *id == kept.note.id);
        if is_last {
            let users = kept.users()?;
            if !users.is_empty() {
                let users = users.into_iter().collect::<Vec<_>>().join(" ");
                let why = format!("environments use the image {reference}: {users}; destroy them first");
                return Err(Error::new(ErrorKind::Conflict, why));
            }
        }
        self.write_names(&all)?;
        let mut removed = gone;
        if is_last {
            let old = self.top.join(format!("{REMOVED}{}", random_hex()));
            fs::rename(&kept.directory, &old).map_err(|e| Error::io("rename", &kept.directory, e))?;
            // No other process waits for it.
            drop(lock);
            remove_tree(self.identity, &old)?;
            removed.push(format!("sha256:{}", kept.note.id));
        }
        Ok(removed)
    }

    fn kept(&self, directory: &Path, names: &BTreeMap<String, Digest>) -> Result<Kept> {
        let note = read_note(directory)?;
        let own = names.iter().filter(|(_, id)| **id == note.id);
        Ok(Kept {
            directory: directory.to_owned(),
            identity: self.identity,
            names: own.map(|(name, _)| name.clone()).collect(),
            note,
        })
    }

    fn names(&self) -> Result<BTreeMap<String, Digest>> {
        let path = self.top.join(NAMES);
        match read(&path) {
            Ok(text) => json(&text, &path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// The caller has the lock. Renamed into place, so that no reader gets half of it.
    fn write_names(&self, names: &BTreeMap<String, Digest>) -> Result<()> {
        let path = self.top.join(NAMES);
        let new = self.top.join(format!("{NAMES}.new"));
        let text = serde_json::to_vec_pretty(names);
        let text = text.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
        let written = write(&new, &text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|e| Error::io("write", &path, e))
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        let failed = |e| Error::io("list", &self.top, e);
        let entries = fs::read_dir(&self.top).map_err(failed)?;
        entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
    }
}

#[cfg(test)]
mod tests;
