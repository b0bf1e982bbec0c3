//! The directory in which an engine of this machine creates its environments.

use std::path::{Path, PathBuf};

use super::blocking;
use super::capabilities::capabilities;
use super::directory::{Directory, Note};
use super::environment_processes::EnvironmentProcesses;
use super::instance::HostInstance;
use crate::engine::context::Context;
use crate::engine::{Leftover, NewEnvironment, Probe};
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::Result;
use crate::spec::EnvironmentSpec;

/// The directory in which an engine of this machine creates its environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    engine: &'static str,
    path: PathBuf,
}

/// An environment in this directory.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) spec: EnvironmentSpec,
    pub(crate) status: Status,
    pub(crate) instance: HostInstance,
}

impl Base {
    pub(crate) fn new(engine: &'static str, path: PathBuf) -> Self {
        #[cfg(target_os = "linux")]
        super::file_user::hold();
        Self { engine, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether environments can be created in it; `detail` describes what else the engine uses.
    pub(crate) fn probe(&self, detail: &str) -> Probe {
        let path = self.path.display();
        match Directory::probe(&self.path) {
            Ok(()) => Probe::available(format!("{detail}directories in {path}"), capabilities()),
            Err(error) => Probe::unavailable(
                format!("cannot create a directory in {path}: {error}"),
                "set TMPDIR to a writable directory",
                capabilities(),
            ),
        }
    }

    /// Creates the directory of an environment. The environment is not complete yet.
    pub(crate) fn begin(&self, new: NewEnvironment<'_>) -> Result<HostInstance> {
        HostInstance::begin(self.engine, &self.path, new)
    }

    /// Like [`begin`](Self::begin), without files.
    pub(super) fn begin_empty(&self, new: NewEnvironment<'_>) -> Result<HostInstance> {
        HostInstance::begin_empty(self.engine, &self.path, new)
    }

    pub(super) fn engine(&self) -> &'static str {
        self.engine
    }

    /// Opens an environment of any process.
    pub(crate) fn open(&self, id: &EnvironmentId, context: &Context) -> Result<Found> {
        let directory = Directory::find(self.engine, &self.path, id)?;
        let note = directory.read_note()?;
        Ok(Found {
            name: note.name.clone(),
            spec: note.spec.clone(),
            status: note.status,
            instance: HostInstance::open(self.engine, directory, note, context)?,
        })
    }

    /// The directory of an environment of any process.
    pub(crate) fn directory(&self, id: &EnvironmentId) -> Result<Directory> {
        Directory::find(self.engine, &self.path, id)
    }

    /// The environments of any process.
    pub(crate) fn list(&self) -> Result<Vec<EnvironmentSummary>> {
        let summary = |note: Note| EnvironmentSummary {
            id: note.id,
            name: note.name,
            engine: self.engine.to_owned(),
            status: note.status,
            image: None,
            owner: note.spec.owner,
            session: note.spec.session,
            created: note.created,
            exit_code: None,
            ports: Vec::new(),
            network_of: None,
        };
        let notes = Directory::list(self.engine, &self.path)?;
        Ok(notes.into_iter().map(summary).collect())
    }

    /// Removes an environment of any process, also a directory without a specification, whose
    /// creation was interrupted.
    pub(crate) async fn remove(&self, leftover: Leftover<'_>) -> Result<bool> {
        let directory = match Directory::find(self.engine, &self.path, leftover.id) {
            Err(error) if error.is_not_found() => {
                // Something else may have removed the directory alone.
                let id = leftover.id.clone();
                let path = Directory::path_of(self.engine, &self.path, &id);
                let end = move || EnvironmentProcesses::end(&id, &path, None);
                blocking(self.engine, end).await?;
                return Ok(false);
            }
            found => found?,
        };
        let id = leftover.id.clone();
        blocking(self.engine, move || HostInstance::remove(&id, &directory)).await?;
        Ok(true)
    }

    /// Its path for other processes.
    pub(crate) fn address(&self) -> Option<String> {
        let path = std::path::absolute(&self.path).ok()?;
        path.to_str().map(str::to_owned)
    }
}
