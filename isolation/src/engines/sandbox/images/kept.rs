//! One image of the store.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use engine_api::images::ImageConfig;
use serde::{Deserialize, Serialize};

use super::super::identity::Identity;
use super::description::json;
use super::unpack::LeftOut;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::Digest;

/// The name of the note.
pub(super) const NOTE: &str = "image.json";

/// The longest note that is read.
const LONGEST: u64 = 32 << 20;

/// The note of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) id: Digest,
    pub(super) config: ImageConfig,
    /// The bytes of its files.
    pub(super) size: u64,
    /// When it was imported, in seconds since 1970.
    pub(super) imported: u64,
    #[serde(default)]
    pub(super) left_out: LeftOut,
}

/// The image of a restored snapshot: it has only a configuration, and belongs to one environment.
#[derive(Debug)]
pub(in super::super) struct Restored {
    /// The digest of the configuration.
    pub(in super::super) id: Digest,
    pub(in super::super) config: ImageConfig,
    pub(in super::super) left_out: LeftOut,
}

impl Restored {
    /// A copy of such an image.
    pub(in super::super) fn of(kept: &Kept) -> Self {
        Self {
            id: kept.note.id,
            config: kept.note.config.clone(),
            left_out: kept.note.left_out,
        }
    }

    /// Writes it into a new directory, in which [`Kept::of_link`] finds it.
    pub(in super::super) fn write(self, directory: &Path) -> Result<()> {
        let note = Note {
            id: self.id,
            config: self.config,
            size: 0,
            imported: 0,
            left_out: self.left_out,
        };
        let text = serde_json::to_vec(&note).map_err(|e| Error::new(ErrorKind::Corrupt, e.to_string()))?;
        let path = directory.join(NOTE);
        let made = DirBuilder::new().mode(0o700).create(directory);
        made.and_then(|()| write(&path, &text))
            .map_err(|e| Error::io("write", &path, e))
    }
}

/// An image of the store.
#[derive(Debug, Clone)]
pub(in super::super) struct Kept {
    pub(super) directory: PathBuf,
    pub(super) identity: Identity,
    pub(super) note: Note,
    pub(super) names: Vec<String>,
}

impl Kept {
    /// Its files.
    pub(in super::super) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    pub(in super::super) fn config(&self) -> &ImageConfig {
        &self.note.config
    }

    pub(in super::super) fn id(&self) -> Digest {
        self.note.id
    }

    /// The users to whom its files belong.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn left_out(&self) -> LeftOut {
        self.note.left_out
    }

    /// The image of an environment, found by the link to its files.
    pub(in super::super) fn of_link(link: &Path, identity: Identity) -> Result<Self> {
        let root = fs::read_link(link).map_err(|e| Error::io("read the link", link, e))?;
        let directory = root.parent().unwrap_or(&root).to_owned();
        Ok(Self {
            note: read_note(&directory)?,
            directory,
            identity,
            names: Vec::new(),
        })
    }

    /// An environment that is found by this link does not use its image any more.
    pub(in super::super) fn forget(link: &Path, id: &EnvironmentId) -> Result<()> {
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(Error::io("remove the use of the image", link, error)),
        };
        let root = match fs::read_link(link) {
            Ok(root) => root,
            Err(error) => return gone(error),
        };
        let used = root.parent().unwrap_or(&root).join("used").join(id.as_str());
        fs::remove_file(used).or_else(gone)
    }

    /// Notes that an environment uses it. The caller has the lock of the store.
    pub(super) fn note_use(&self, id: &EnvironmentId, directory: &Path) -> Result<()> {
        let path = self.directory.join("used").join(id.as_str());
        write(&path, directory.as_os_str().as_bytes()).map_err(|e| Error::io("write", &path, e))
    }

    /// The environments that use it.
    pub(super) fn users(&self) -> Result<BTreeSet<String>> {
        let directory = self.directory.join("used");
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(&directory).map_err(|e| Error::io("list", &directory, e))? {
            let entry = entry.map_err(|e| Error::io("list", &directory, e))?;
            let place = fs::read(entry.path()).map_err(|e| Error::io("read", &entry.path(), e))?;
            if Path::new(OsStr::from_bytes(&place)).exists() {
                found.insert(entry.file_name().to_string_lossy().into_owned());
            } else {
                // The environment is gone.
                fs::remove_file(entry.path()).map_err(|e| Error::io("remove", &entry.path(), e))?;
            }
        }
        Ok(found)
    }
}

pub(super) fn read_note(directory: &Path) -> Result<Note> {
    let path = directory.join(NOTE);
    let text = read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("the image in {} is gone", directory.display())),
        _ => Error::io("read", &path, e),
    })?;
    json(&text, &path.display().to_string())
}

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
