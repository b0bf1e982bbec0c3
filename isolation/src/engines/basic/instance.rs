//! An environment of the engine `basic`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::capabilities::capabilities;
use super::{MARK, NAME};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::engines::host::directory::Directory;
use crate::engines::host::process_group::ProcessGroups;
use crate::engines::host::{marked_processes, paths, process};
use crate::environment::id::EnvironmentId;
use crate::environment::status::{Status, StatusCell};
use crate::environment::{CopySource, Environment};
use crate::error::{Error, Result};
use crate::files::copy::{self, Stop, StopOnDrop};
use crate::spec::EnvironmentSpec;
use crate::spec::validate;

#[derive(Debug)]
pub(super) struct BasicEnvironment {
    id: EnvironmentId,
    name: String,
    spec: EnvironmentSpec,
    status: StatusCell,
    directory: Directory,
    working_dir: PathBuf,
    groups: Arc<ProcessGroups>,
    kept: AtomicBool,
}

/// Runs blocking work on a thread for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::engine(NAME, error)),
    }
}

impl BasicEnvironment {
    /// Creates the directory and its contents. The environment owns the directory as soon as it
    /// exists: an error or a dropped future removes it.
    pub(super) async fn create(base: &Path, spec: EnvironmentSpec) -> Result<Self> {
        let id = EnvironmentId::random();
        let name = spec
            .name
            .clone()
            .unwrap_or_else(|| format!("basic-{}", id.short()));
        let directory = Directory::create(base, &id)?;
        let mut made = Self {
            working_dir: directory.root(),
            id,
            name,
            spec,
            status: StatusCell::default(),
            directory,
            groups: Arc::default(),
            kept: AtomicBool::new(false),
        };
        made.directory.lay_out()?;
        if let Some(working_dir) = &made.spec.working_dir {
            let root = made.directory.root();
            let path = paths::resolve(&root, &root, working_dir)?;
            copy::make_parents(&root, &path)?;
            copy::create_directory(&path)?;
            made.working_dir = path;
        }
        for copy in made.spec.copies.clone() {
            made.bring_in(CopySource::Path(copy.source), &copy.target).await?;
        }
        made.note(Status::Created)?;
        Ok(made)
    }

    fn note(&self, status: Status) -> Result<()> {
        self.directory.note(&self.id, &self.name, &self.spec, status)
    }

    fn resolve(&self, path: &str) -> Result<PathBuf> {
        paths::resolve(&self.directory.root(), &self.working_dir, path)
    }

    fn make_active(&self) -> Result<()> {
        if self.status.get().is_running() {
            return Ok(());
        }
        self.status.advance(Status::Running)?;
        self.note(Status::Running)
    }

    fn begin(&self, command: &Command) -> Result<Execution> {
        command.validate()?;
        self.status.require_running()?;
        capabilities().check(NAME, &command.required_features())?;
        let working_dir = match &command.working_dir {
            Some(working_dir) => self.resolve(working_dir)?,
            None => self.working_dir.clone(),
        };
        if !working_dir.is_dir() {
            let why = format!("the working directory {} does not exist", working_dir.display());
            return Err(Error::not_found(why));
        }
        process::start(&self.groups, command, &self.variables(command), &working_dir)
    }

    /// All environment variables of a command.
    fn variables(&self, command: &Command) -> BTreeMap<String, String> {
        let directory = |path: PathBuf| path.to_string_lossy().into_owned();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let mut variables: BTreeMap<String, String> = [
            ("PATH", path),
            ("HOME", directory(self.directory.home())),
            ("TMPDIR", directory(self.directory.tmp())),
            ("LANG", "C.UTF-8".to_owned()),
            ("ISOLATION_ROOT", directory(self.directory.root())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        variables.extend(self.spec.env.clone());
        variables.extend(command.env.clone());
        // Last: a command could override its mark and would not be found again.
        variables.insert(MARK.to_owned(), self.id.to_string());
        variables
    }

    async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        if let CopySource::Path(path) = &source {
            validate::source("the source of the copy", path)?;
        }
        let root = self.directory.root();
        let to = self.resolve(target)?;
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(move || {
            copy::make_parents(&root, &to)?;
            match source {
                CopySource::Bytes { content, mode } => copy::write_file(&content, mode, &to),
                CopySource::Path(path) => {
                    // If the source is a link, its target is copied.
                    let from = path.canonicalize().map_err(|e| Error::io("read", &path, e))?;
                    copy::clear(&from, &to)?;
                    copy::copy(&from, &to, &stop)
                }
            }
        })
        .await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        let from = self.resolve(source)?;
        if from.symlink_metadata().is_err() {
            return Err(Error::not_found("the path does not exist in the environment"));
        }
        let to = target.to_owned();
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(move || {
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
            }
            copy::copy(&from, &to, &stop)
        })
        .await
    }

    /// Removes the environment. After an error, it can be called again.
    fn remove(id: &EnvironmentId, groups: &ProcessGroups, directory: &Directory) -> Result<()> {
        groups.close();
        marked_processes::kill_all(id);
        directory.remove()
    }

    fn removed(&self, result: Result<()>) -> Result<()> {
        let next = match result.is_ok() {
            true => Status::Destroyed,
            false => Status::Failed,
        };
        // Another task may have destroyed it at the same time; the status is then `Destroyed`.
        let _ = self.status.advance(next);
        result
    }

    async fn end(&self) -> Result<()> {
        if self.status.get() == Status::Destroyed {
            return Ok(());
        }
        let _ = self.status.advance(Status::Destroying);
        let (id, groups, directory) = (self.id.clone(), Arc::clone(&self.groups), self.directory.clone());
        let result = blocking(move || Self::remove(&id, &groups, &directory)).await;
        self.removed(result)
    }
}

impl Environment for BasicEnvironment {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn engine(&self) -> &str {
        NAME
    }

    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn status(&self) -> Status {
        self.status.get()
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let active = self.make_active();
            active.map_err(|e| e.during("start the environment", &self.name))
        })
    }

    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(async move {
            let started = self.begin(&command);
            started.map_err(|e| e.during("execute", command.program()))
        })
    }

    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let copied = match self.status.require_running() {
                Ok(()) => self.bring_in(source, target).await,
                Err(error) => Err(error),
            };
            copied.map_err(|e| e.during("copy in", target))
        })
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let copied = match self.status.require_running() {
                Ok(()) => self.bring_out(source, target).await,
                Err(error) => Err(error),
            };
            copied.map_err(|e| e.during("copy out", source))
        })
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let ended = self.end().await;
            ended.map_err(|e| e.during("destroy the environment", &self.name))
        })
    }

    fn destroy_blocking(&self) {
        if self.status.get() == Status::Destroyed {
            return;
        }
        let _ = self.status.advance(Status::Destroying);
        let _ = self.removed(Self::remove(&self.id, &self.groups, &self.directory));
    }

    fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }
}

impl Drop for BasicEnvironment {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Acquire) {
            self.destroy_blocking();
        }
    }
}
