//! The directory of the journal: one file per environment, readable only by this user.
//!
//! ```text
//! STATE/journal/ID.json     one entry
//! STATE/journal/ID.files/    files with contents of the group, such as secrets
//! STATE/journal/ID.output   what commands have written, and ID.older with what was before
//! STATE/shared/ID.lock      held while the shared environment is created, claimed or removed
//! STATE/shared/ID/LEASE     one user of it
//! STATE/images/TAG.json     an image that others use
//! STATE/pulls/KEY.lock      held while an image is pulled
//! STATE/pauses/RANDOM       an environment that is paused for the time of a call
//! ```

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{Entry, VERSION};
use super::file::{VARIABLE, failed, private, read, write};
use super::leases::Leases;
use super::process::Process;
use super::pulls::{self, Turn};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::logs::stored::StoredOutput;

/// The process of an incomplete file of this age has exited.
const STALE: Duration = Duration::from_secs(3600);

/// The state directory of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateDirectory(PathBuf);

/// The entry of a file, or the reason why it cannot be read.
pub(crate) type Found = std::result::Result<Entry, (EnvironmentId, Error)>;

impl StateDirectory {
    /// The given directory, or that of `ISOLATE_STATE_DIR`, or the first usable one of:
    /// `$XDG_STATE_HOME/isolate`, `~/.local/state/isolate`, a directory for temporary files.
    pub(crate) fn open(named: Option<&Path>) -> Result<Option<Self>> {
        Self::choose(named, |name| std::env::var_os(name), &std::env::temp_dir()).map(Some)
    }

    fn choose(
        named: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
        temporary: &Path,
    ) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(named) = named
            .map(Path::to_owned)
            .or_else(|| variable(VARIABLE).map(PathBuf::from))
        {
            return Self::at(&named);
        }
        let state_home = variable("XDG_STATE_HOME").map(PathBuf::from);
        let home = variable("HOME").map(|home| Path::new(&home).join(".local/state"));
        let user = rustix::process::geteuid().as_raw();
        let temporary = temporary.join(format!("isolate-{user}"));
        let in_home = state_home.or(home).filter(|path| path.is_absolute());
        match in_home.map(|path| Self::at(&path.join("isolate"))) {
            Some(Ok(opened)) => Ok(opened),
            // A home directory that cannot be written to, as in some containers.
            Some(Err(error)) if !is_unusable(&error) => Err(error),
            _ => {
                // Every user can create directories there, and replace files in their own
                // directories.
                private(&temporary)?;
                Self::at(&temporary)
            }
        }
    }

    /// The directory at a path, which is created if it does not exist.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|e| Error::io("resolve the directory", path, e))?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|e| failed("create the state directory (ISOLATE_STATE_DIR)", &path, e))?;
        let opened = Self(path);
        private(&opened.journal())?;
        private(&opened.shared())?;
        Ok(opened)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Values that differ between users and machines.
    pub(crate) fn scope(&self) -> (Option<String>, u32, &Path) {
        let user = rustix::process::geteuid().as_raw();
        (Process::current().machine, user, &self.0)
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    fn shared(&self) -> PathBuf {
        self.0.join("shared")
    }

    /// The leases of a shared environment.
    pub(crate) fn leases(&self, id: &EnvironmentId) -> Leases {
        Leases::at(self.shared().join(id.as_str()))
    }

    /// Waits for the turn to pull the image with this `key`.
    pub(crate) async fn pull_turn(&self, key: &str) -> Result<Turn> {
        pulls::turn(&self.0.join("pulls"), key).await
    }

    fn file(&self, id: &EnvironmentId) -> PathBuf {
        self.journal().join(format!("{id}.json"))
    }

    /// Writes an entry, and replaces an earlier one of the environment.
    pub(crate) fn write(&self, entry: &Entry) -> Result<()> {
        write(&self.file(&entry.id), entry)
    }

    /// The entry of an environment, if there is one.
    pub(crate) fn read(&self, id: &EnvironmentId) -> Result<Option<Entry>> {
        match read::<Entry>(&self.file(id))? {
            Some(entry) if entry.version != VERSION => {
                let why = format!(
                    "the journal entry {} has the format {}; use the version of isolate that wrote it",
                    self.file(id).display(),
                    entry.version
                );
                Err(Error::new(ErrorKind::Corrupt, why))
            }
            entry => Ok(entry),
        }
    }

    /// The output of commands in an environment.
    pub(crate) fn output(&self, id: &EnvironmentId) -> StoredOutput {
        StoredOutput::at(self.output_file(id), self.file(id))
    }

    fn output_file(&self, id: &EnvironmentId) -> PathBuf {
        self.journal().join(format!("{id}.output"))
    }

    /// Removes the entry of an environment, if there is one, and the output of its commands. This
    /// needs no space on the disk.
    pub(crate) fn remove(&self, id: &EnvironmentId) -> Result<()> {
        let path = self.file(id);
        let output = self.output_file(id);
        for file in [&StoredOutput::older(&output), &output] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", file, error));
                }
                _ => {}
            }
        }
        let files = self.files(id);
        match fs::remove_dir_all(&files) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &files, error));
            }
            _ => {}
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn files(&self, id: &EnvironmentId) -> PathBuf {
        self.journal().join(format!("{id}.files"))
    }

    /// Writes a file that an environment mounts, and that is removed with its entry. Any user of
    /// the environment can read it, and no other user of this machine.
    pub(crate) fn write_file(&self, id: &EnvironmentId, name: &str, content: &str) -> Result<PathBuf> {
        let directory = self.files(id);
        private(&directory)?;
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o444);
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()));
        match written {
            Ok(()) => Ok(path),
            Err(error) => Err(failed("write", &path, error)),
        }
    }

    /// The age of the entry; `None` if that is unknown.
    pub(crate) fn age(&self, id: &EnvironmentId) -> Option<Duration> {
        let written = fs::metadata(self.file(id)).and_then(|meta| meta.modified());
        SystemTime::now().duration_since(written.ok()?).ok()
    }

    /// Every entry, ordered by ID.
    pub(crate) fn entries(&self) -> Result<Vec<Found>> {
        let directory = self.journal();
        let files = fs::read_dir(&directory).map_err(|e| failed("list", &directory, e))?;
        let mut ids = Vec::new();
        for file in files.flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            match name.strip_suffix(".json").map(str::parse::<EnvironmentId>) {
                Some(Ok(id)) => ids.push(id),
                _ if name.starts_with('.') => drop_stale(&file.path()),
                // Written before the entry by a process that was killed.
                _ if name.ends_with(".files") && !self.has_entry(&name) => drop_stale(&file.path()),
                _ => {}
            }
        }
        ids.sort();
        // An entry may be removed at the same time.
        let entries = ids.into_iter().filter_map(|id| match self.read(&id) {
            Ok(entry) => entry.map(Ok),
            Err(error) => Some(Err((id, error))),
        });
        Ok(entries.collect())
    }
}

impl StateDirectory {
    /// Whether there is an entry beside files with this name.
    fn has_entry(&self, files: &str) -> bool {
        let id = files.strip_suffix(".files").map(str::parse::<EnvironmentId>);
        matches!(id, Some(Ok(id)) if self.file(&id).exists())
    }
}

/// Whether to try another directory, because this one is not writable. A full disk is an error.
fn is_unusable(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory
        )
    })
}

/// Removes an incomplete file or directory.
pub(super) fn drop_stale(path: &Path) {
    if is_abandoned(path) {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
    }
}

/// Whether the process of an incomplete file has exited.
pub(super) fn is_abandoned(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|meta| meta.modified());
    let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
    age.is_ok_and(|age| age > STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, StateDirectory) {
        let base = tempfile::tempdir().unwrap();
        let state = StateDirectory::at(base.path()).unwrap();
        (base, state)
    }

    fn age(path: &Path) {
        fs::File::open(path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
    }

    #[test]
    fn entry_that_cannot_be_removed_is_an_error() {
        let (_base, state) = state();
        let id = EnvironmentId::random();
        state.remove(&id).unwrap();
        let paths = [
            state.output_file(&id),
            StoredOutput::older(&state.output_file(&id)),
            state.file(&id),
        ];
        for path in paths {
            fs::create_dir(&path).unwrap();
            let error = state.remove(&id).unwrap_err().to_string();
            assert!(error.contains("remove") && error.contains(id.as_str()), "{error}");
            fs::remove_dir(&path).unwrap();
        }
        fs::write(state.files(&id), "no directory").unwrap();
        let error = state.remove(&id).unwrap_err().to_string();
        assert!(error.contains(".files"), "{error}");
    }

    #[test]
    fn mounted_file_is_written_once_and_removed() {
        let (_base, state) = state();
        let id = EnvironmentId::random();
        let path = state.write_file(&id, "hosts", "content").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "content");
        let error = state.write_file(&id, "hosts", "other").unwrap_err().to_string();
        assert!(error.contains("write") && error.contains("hosts"), "{error}");
        state.remove(&id).unwrap();
        assert!(!path.exists());
        assert_eq!(state.age(&id), None);
    }

    #[test]
    fn what_killed_processes_left_is_removed_when_old() {
        let (_base, state) = state();
        let with_files = EnvironmentId::random();
        let [unfinished, files, strange] = [
            ".new".to_owned(),
            format!("{with_files}.files"),
            "strange.files".to_owned(),
        ]
        .map(|name| state.journal().join(name));
        fs::write(&unfinished, "half").unwrap();
        fs::create_dir(&files).unwrap();
        fs::create_dir(&strange).unwrap();
        assert_eq!(state.entries().unwrap().len(), 0);
        assert!(
            unfinished.exists() && files.exists() && strange.exists(),
            "they are new"
        );
        for path in [&unfinished, &files, &strange] {
            age(path);
        }
        // The files of an entry stay, also of one that cannot be read.
        fs::write(state.file(&with_files), "{").unwrap();
        let found = state.entries().unwrap();
        assert!(
            matches!(&found[..], [Err((id, _))] if *id == with_files),
            "{found:?}"
        );
        assert!(!unfinished.exists() && files.exists() && !strange.exists());
    }

    #[test]
    fn directory_that_cannot_be_written_is_unusable() {
        let failed = |kind: io::ErrorKind| failed("create", Path::new("/x"), kind.into());
        for (kind, unusable) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::NotADirectory, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            assert_eq!(is_unusable(&failed(kind)), unusable, "{kind}");
        }
        assert!(!is_unusable(&Error::new(
            ErrorKind::Conflict,
            "it belongs to another user"
        )));
    }

    #[test]
    fn directory_is_named_or_the_first_usable_one() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        fs::create_dir(at("tmp")).unwrap();
        fs::write(at("file"), "").unwrap();
        let user = rustix::process::geteuid().as_raw();
        let choose = |named: Option<PathBuf>, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, path)| base.path().join(path).into_os_string())
            };
            StateDirectory::choose(named.as_deref(), variable, &at("tmp"))
        };
        let temporary = format!("tmp/isolate-{user}");
        let home = [("HOME", "home"), ("XDG_STATE_HOME", "state")];
        for (named, variables, expected) in [
            (Some(at("named")), &[(VARIABLE, "variable")][..], "named"),
            (None, &[(VARIABLE, "variable"), home[0]], "variable"),
            (None, &home, "state/isolate"),
            (None, &home[..1], "home/.local/state/isolate"),
            // No directory can be created in a file.
            (None, &[("XDG_STATE_HOME", "file")], &temporary),
            (None, &[], &temporary),
        ] {
            assert_eq!(
                choose(named, variables).unwrap().path(),
                at(expected),
                "{variables:?}"
            );
        }
        // A full disk and a name that is too long are errors.
        let long = "n".repeat(300);
        let error = choose(None, &[("XDG_STATE_HOME", &long)]).unwrap_err();
        assert!(error.to_string().contains(&long), "{error}");
    }
}
