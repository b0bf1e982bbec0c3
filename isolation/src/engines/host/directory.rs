//! The directory of an environment, and the note in it for other processes.
//!
//! ```text
//! isolation-ENGINE-ID/     0700
//!   environment.json       0600: ID, name, status, the whole specification
//!   root/                  the root of the environment's paths
//!     home/  tmp/
//! ```

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cgroup::Cgroup;
use super::mounts;
use crate::environment::id::{EnvironmentId, random_hex};
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::files::remove_tree::remove_tree;
use crate::spec::EnvironmentSpec;

const PREFIX: &str = "isolation-";
const NOTE: &str = "environment.json";

/// The maximum size of a note.
const LONGEST_NOTE: u64 = 16 << 20;

/// The number of attempts of a removal: a killed process may still finish a system call.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// The note in the directory of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: EnvironmentId,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) spec: EnvironmentSpec,
    /// When the environment was created, in seconds since 1970. Notes of older versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup: Option<Cgroup>,
}

impl Directory {
    /// Checks that a directory can be created in `base`.
    pub(crate) fn probe(base: &Path) -> io::Result<()> {
        let probe = base.join(format!("{PREFIX}probe-{}", random_hex()));
        DirBuilder::new().mode(0o700).create(&probe)?;
        fs::remove_dir(&probe)
    }

    /// Creates the directory of an environment. The caller owns it and removes it.
    pub(crate) fn create(engine: &str, base: &Path, id: &EnvironmentId) -> Result<Self> {
        // The path is resolved once, so that a link in a parent directory does not make inside
        // paths look like outside paths.
        let base = fs::canonicalize(base).map_err(|e| Error::io("resolve the directory", base, e))?;
        let directory = Self {
            path: base.join(name(engine, id)),
        };
        private(&directory.path)?;
        Ok(directory)
    }

    /// Creates only the root in the new directory. The caller adds its contents.
    pub(crate) fn lay_out_root(&self) -> Result<()> {
        private(&self.root())
    }

    /// Creates the directories in the new directory.
    pub(crate) fn lay_out(&self) -> Result<()> {
        let directories = [self.root(), self.home(), self.tmp()];
        directories.iter().try_for_each(|path| private(path))
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root().join("tmp")
    }

    /// Whether the directory exists.
    pub(crate) fn exists(&self) -> bool {
        is_ours(&self.path)
    }

    /// Fails if the directory does not exist any more.
    pub(crate) fn check_exists(&self) -> Result<()> {
        match self.exists() {
            true => Ok(()),
            false => Err(Error::lost()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the note that other processes read.
    pub(crate) fn write_note(&self, note: &Note) -> Result<()> {
        let path = self.path.join(NOTE);
        let new = self.path.join(format!("{NOTE}.{}", random_hex()));
        let text =
            serde_json::to_vec(note).map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
        // The file is renamed into place, so that no reader gets an incomplete note. It is not
        // synchronised: after a crash of the machine, the journal still names the environment.
        let written = write_private(&new, &text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|e| Error::io("write", &path, e))
    }

    /// Reads the note.
    pub(crate) fn read_note(&self) -> Result<Note> {
        let path = self.path.join(NOTE);
        let read = |path: &Path| {
            let mut text = Vec::new();
            // A command of the environment may write to it, too.
            fs::File::open(path)?.take(LONGEST_NOTE).read_to_end(&mut text)?;
            io::Result::Ok(text)
        };
        let text = read(&path).map_err(|e| Error::io("read", &path, e))?;
        serde_json::from_slice(&text).map_err(|error| {
            let why = format!("{} is damaged: {error}; remove the directory", path.display());
            Error::new(ErrorKind::Corrupt, why)
        })
    }

    /// The notes of the environments of an engine in `base` that belong to this user.
    pub(crate) fn list(engine: &str, base: &Path) -> Result<Vec<Note>> {
        let entries = fs::read_dir(base).map_err(|e| Error::io("list", base, e))?;
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| note(engine, &entry.path()))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The directories of the environments of an engine in `base` that belong to this user, also of
    /// those whose creation is not complete.
    pub(crate) fn all(engine: &str, base: &Path) -> Result<Vec<Self>> {
        let entries = fs::read_dir(base).map_err(|e| Error::io("list", base, e))?;
        let prefix = format!("{PREFIX}{engine}-");
        let is_one = |name: &str| {
            let id = name.strip_prefix(&prefix);
            id.is_some_and(|id| id.parse::<EnvironmentId>().is_ok())
        };
        let named = entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(is_one));
        let mut found: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
        found.retain(|path| is_ours(path));
        found.sort();
        Ok(found.into_iter().map(|path| Self { path }).collect())
    }

    /// The path of the directory of an environment in `base`, also if it does not exist.
    pub(crate) fn path_of(engine: &str, base: &Path, id: &EnvironmentId) -> PathBuf {
        fs::canonicalize(base)
            .unwrap_or_else(|_| base.to_owned())
            .join(name(engine, id))
    }

    /// The directory of an environment in `base`.
    pub(crate) fn find(engine: &str, base: &Path, id: &EnvironmentId) -> Result<Self> {
        let path = Self::path_of(engine, base, id);
        match is_ours(&path) {
            true => Ok(Self { path }),
            false => Err(Error::not_found(format!(
                "it does not exist in {}",
                base.display()
            ))),
        }
    }

    /// Removes the directory with its contents; does nothing if it does not exist. Mounts in it are
    /// unmounted first.
    ///
    /// # Errors
    ///
    /// If it contains a mount that this user cannot unmount.
    pub(crate) fn remove(&self) -> Result<()> {
        let mut tries = 0;
        loop {
            mounts::unmount_below(&self.path)?;
            let Err(error) = remove_tree(&self.path) else {
                return Ok(());
            };
            tries += 1;
            if tries == TRIES {
                return Err(Error::io("remove", &self.path, error));
            }
            sleep(PAUSE);
        }
    }
}

fn private(path: &Path) -> Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|e| Error::io("create the directory", path, e))
}

/// Whether the path is a directory of this user. A link or a directory of another user never
/// counts, independent of its name.
fn is_ours(path: &Path) -> bool {
    let ours = |meta: fs::Metadata| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(ours)
}

/// The name of the directory of an environment. Several engines may use the same base.
fn name(engine: &str, id: &EnvironmentId) -> String {
    format!("{PREFIX}{engine}-{id}")
}

/// The note of the environment of an engine in this directory; `None` if it is not one.
fn note(engine: &str, path: &Path) -> Option<Note> {
    let directory = Directory {
        path: path.to_owned(),
    };
    let note = directory.exists().then(|| directory.read_note().ok()).flatten()?;
    (path.file_name()? == name(engine, &note.id).as_str()).then_some(note)
}

fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn directory_is_private_listed_and_removed() {
        let base = tempfile::tempdir().unwrap();
        let id = EnvironmentId::random();
        let directory = Directory::create("basic", base.path(), &id).unwrap();
        directory.lay_out().unwrap();
        assert_eq!(directory.path.metadata().unwrap().mode() & 0o777, 0o700);
        assert!(
            Directory::list("basic", base.path()).unwrap().is_empty(),
            "not noted yet"
        );
        let spec = EnvironmentSpec {
            owner: Some("me".into()),
            ..EnvironmentSpec::default()
        };
        let note = Note {
            id: id.clone(),
            name: "web".into(),
            status: Status::Running,
            spec,
            created: Some(1_700_000_000),
            cgroup: None,
        };
        directory.write_note(&note).unwrap();
        assert_eq!(Directory::list("basic", base.path()).unwrap(), [note]);
        let file = directory.path.join(NOTE);
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        fs::write(&file, "{").unwrap();
        assert_eq!(directory.read_note().unwrap_err().kind(), ErrorKind::Corrupt);

        let locked = directory.root().join("a/b");
        fs::create_dir_all(&locked).unwrap();
        fs::write(locked.join("file"), "x").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(directory.root().join("a"), fs::Permissions::from_mode(0o000)).unwrap();
        Directory::find("basic", base.path(), &id)
            .unwrap()
            .remove()
            .unwrap();
        directory.remove().unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
        assert!(
            Directory::find("basic", base.path(), &id)
                .unwrap_err()
                .is_not_found()
        );
    }

    #[test]
    fn link_with_a_valid_name_is_not_ours() {
        let base = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let id = EnvironmentId::random();
        let link = base.path().join(name("basic", &id));
        std::os::unix::fs::symlink(elsewhere.path(), link).unwrap();
        assert!(Directory::find("basic", base.path(), &id).is_err());
        assert!(elsewhere.path().exists());
    }
}
