//! An environment of the engine `basic`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::NAME;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::signal::Signal;
use crate::creator::Creator;
use crate::engine::NewEnvironment;
use crate::engine::context::Context;
use crate::engine::instance::{Exec, Files, Instance, InstanceState};
use crate::engines::host::directory::{Directory, Note};
use crate::engines::host::environment_processes::{EnvironmentProcesses, MARK};
use crate::engines::host::process_group::ProcessGroups;
use crate::engines::host::watcher::Watcher;
use crate::engines::host::{blocking, paths, process};
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::error::{Error, Result};
use crate::files::copy::{self, Place, Stop, StopOnDrop, Target};
use crate::files::{CopySource, FileKind};
use crate::journal::Journal;
use crate::spec::EnvironmentSpec;

/// How often [`Instance::stop`] looks whether everything has ended.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct BasicInstance {
    id: EnvironmentId,
    name: String,
    spec: EnvironmentSpec,
    directory: Directory,
    working_dir: PathBuf,
    groups: Arc<ProcessGroups>,
    released: AtomicBool,
    creator: Creator,
    journal: Journal,
    /// Ends all processes when this process ends, unless the environment is kept.
    watcher: Mutex<Option<Watcher>>,
}

impl BasicInstance {
    /// Creates the directory and its contents. The value owns the directory as soon as it exists:
    /// an error or a dropped future removes it.
    pub(super) async fn create(base: &Path, new: NewEnvironment<'_>) -> Result<Self> {
        let directory = Directory::create(base, new.id)?;
        let mut made = Self {
            id: new.id.clone(),
            name: new.name.to_owned(),
            spec: new.spec.clone(),
            working_dir: directory.root(),
            directory,
            groups: Arc::default(),
            released: AtomicBool::new(false),
            creator: Creator::this_process(),
            journal: new.context.journal().clone(),
            watcher: Mutex::new(None),
        };
        made.directory.lay_out()?;
        made.working_dir = made.specified_working_dir()?;
        Place::made_inside(&made.directory.root(), &made.working_dir)?.make_directory()?;
        for copy in &made.spec.copies {
            made.bring_in(CopySource::Path(copy.source.clone()), &copy.target)
                .await?;
        }
        made.note(Status::Created)?;
        Ok(made)
    }

    /// Opens the environment in this directory.
    pub(super) fn open(directory: Directory, note: Note, context: &Context) -> Result<Self> {
        let mut opened = Self {
            id: note.id,
            name: note.name,
            spec: note.spec,
            working_dir: directory.root(),
            directory,
            groups: Arc::default(),
            released: AtomicBool::new(true),
            creator: Creator::this_process(),
            journal: context.journal().clone(),
            watcher: Mutex::new(None),
        };
        opened.working_dir = opened.specified_working_dir()?;
        Ok(opened)
    }

    fn specified_working_dir(&self) -> Result<PathBuf> {
        let root = self.directory.root();
        match &self.spec.working_dir {
            Some(working_dir) => paths::resolve(&root, &root, working_dir),
            None => Ok(root),
        }
    }

    fn note(&self, status: Status) -> Result<()> {
        self.check_exists()?;
        self.directory.write_note(&Note {
            id: self.id.clone(),
            name: self.name.clone(),
            status,
            spec: self.spec.clone(),
        })
    }

    fn check_exists(&self) -> Result<()> {
        match self.directory.exists() {
            true => Ok(()),
            false => Err(Error::lost()),
        }
    }

    fn resolve(&self, path: &str) -> Result<PathBuf> {
        paths::resolve(&self.directory.root(), &self.working_dir, path)
    }

    fn begin(&self, command: &Command) -> Result<Execution> {
        self.check_exists()?;
        let working_dir = match &command.working_dir {
            Some(working_dir) => self.resolve(working_dir)?,
            None => self.working_dir.clone(),
        };
        if !working_dir.is_dir() {
            let why = format!("the working directory {} does not exist", working_dir.display());
            return Err(Error::not_found(why));
        }
        process::start(
            NAME,
            &self.groups,
            command,
            &self.variables(command),
            &working_dir,
        )
    }

    /// All environment variables of a command.
    fn variables(&self, command: &Command) -> BTreeMap<String, String> {
        let directory = |path: PathBuf| path.to_string_lossy().into_owned();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let own = [
            ("PATH", path),
            ("HOME", directory(self.directory.home())),
            ("TMPDIR", directory(self.directory.tmp())),
            ("LANG", "C.UTF-8".to_owned()),
            ("ISOLATION_ROOT", directory(self.directory.root())),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        // The terminal is shown on that of the caller, if on any.
        let kind = || std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
        let kind = command.terminal.map(|_| ("TERM".to_owned(), kind()));
        let given = self.spec.env.iter().chain(command.env.iter());
        let given = given.map(|(name, value)| (name.clone(), value.clone()));
        // Last: a command could override its mark and would not be found again.
        let mark = [(MARK.to_owned(), self.id.to_string())];
        own.into_iter().chain(kind).chain(given).chain(mark).collect()
    }

    async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        self.check_exists()?;
        let root = self.directory.root();
        let to = self.resolve(target)?;
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(NAME, move || {
            let to = Place::made_inside(&root, &to)?;
            match source {
                CopySource::Bytes { content, mode } => copy::write_file(&content, mode, &to),
                CopySource::Path(path) => {
                    // If the source is a link, its target is copied.
                    let from = path.canonicalize().map_err(|e| Error::io("read", &path, e))?;
                    copy::copy(&Place::on_host(&from)?, &to, Target::Environment, &stop)
                }
            }
        })
        .await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        self.check_exists()?;
        let from = self.resolve(source)?;
        if from.symlink_metadata().is_err() {
            return Err(Error::not_found("the path does not exist in the environment"));
        }
        let (root, to) = (self.directory.root(), target.to_owned());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(NAME, move || {
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
            }
            // If the target is a link to a directory, that directory is meant.
            let to = to.canonicalize().ok().filter(|real| real.is_dir()).unwrap_or(to);
            let from = Place::inside(&root, &from)?;
            copy::copy(&from, &Place::on_host(&to)?, Target::Host, &stop)
        })
        .await
    }

    fn processes(&self) -> EnvironmentProcesses {
        EnvironmentProcesses::of(&self.id, self.directory.path())
    }

    fn watcher(&self) -> MutexGuard<'_, Option<Watcher>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process that ends all others with this process. An environment that is kept or
    /// was opened has none, and neither has one on a system without a shell.
    fn watch(&self) -> Result<()> {
        let mut watcher = self.watcher();
        if watcher.is_some() || self.released.load(Ordering::Acquire) {
            return Ok(());
        }
        match Watcher::start(&self.id) {
            Ok(started) => *watcher = Some(started),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::engine(NAME, error)),
        }
        Ok(())
    }

    fn look_at(&self, path: &str) -> Result<Option<FileKind>> {
        self.check_exists()?;
        let path = self.resolve(path)?;
        match path.metadata() {
            Ok(meta) if meta.is_dir() => Ok(Some(FileKind::Directory)),
            Ok(meta) if meta.is_file() => Ok(Some(FileKind::File)),
            Ok(_) => Ok(Some(FileKind::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("inspect", &path, error)),
        }
    }

    /// Asks all processes to end, and kills them after `grace`.
    async fn end_processes(&self, grace: Duration) -> Result<()> {
        self.check_exists()?;
        let (processes, groups) = (self.processes(), Arc::clone(&self.groups));
        blocking(NAME, move || {
            if !grace.is_zero() {
                // Once each: those of process groups, and those that left theirs or that another
                // process has started.
                processes.signal_all(Signal::Terminate, |group| groups.contains(group));
                groups.signal_all(Signal::Terminate);
            }
            let began = Instant::now();
            while began.elapsed() < grace && processes.any() {
                std::thread::sleep(LOOK);
            }
            groups.close();
            processes.kill_all();
            // Whether commands may start is decided by the status from now on.
            groups.reopen();
            Ok(())
        })
        .await?;
        self.note(Status::Stopped)
    }

    /// Removes the environment. After an error, it can be called again.
    fn end(id: &EnvironmentId, groups: &ProcessGroups, directory: &Directory) -> Result<()> {
        groups.close();
        Self::remove(id, directory)
    }

    /// Removes an environment of any process.
    pub(super) fn remove(id: &EnvironmentId, directory: &Directory) -> Result<()> {
        EnvironmentProcesses::of(id, directory.path()).kill_all();
        directory.remove()
    }
}

impl Instance for BasicInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(async move {
            if !self.directory.exists() {
                return Ok(InstanceState::new(Status::Lost));
            }
            let status = self.directory.read_note()?.status;
            let path = self.directory.path().to_string_lossy();
            Ok(InstanceState::new(status).with_detail("directory", path))
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        let started = self.watch().and_then(|()| self.note(Status::Running));
        Box::pin(std::future::ready(started))
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.check_exists()?;
            match self.directory.read_note()?.status {
                Status::Running => self.end_processes(grace).await,
                _ => Ok(()),
            }
        })
    }

    fn kill(&self, _: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.end_processes(Duration::ZERO))
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        let (id, groups, directory) = (self.id.clone(), Arc::clone(&self.groups), self.directory.clone());
        Box::pin(async move { blocking(NAME, move || Self::end(&id, &groups, &directory)).await })
    }

    fn destroy_blocking(&self, _: Duration) -> bool {
        // If this fails, the entry stays.
        let hold = self.journal.hold();
        let ended = Self::end(&self.id, &self.groups, &self.directory);
        if ended.is_ok() {
            hold.gone();
        }
        ended.is_ok()
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        self.released.store(true, Ordering::Release);
        self.watcher().take();
        Box::pin(std::future::ready(Ok(())))
    }

    fn exec(&self) -> Option<&dyn Exec> {
        Some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }
}

impl Exec for BasicInstance {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(std::future::ready(self.begin(command)))
    }
}

impl Files for BasicInstance {
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_in(source, target))
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_out(source, target))
    }

    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<FileKind>>> {
        Box::pin(std::future::ready(self.look_at(path)))
    }
}

impl Drop for BasicInstance {
    fn drop(&mut self) {
        if !self.released.load(Ordering::Acquire) && self.creator.is_this_process() {
            self.destroy_blocking(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventSink;

    /// A forked process that ended removed the environments of its parent.
    #[tokio::test]
    async fn instance_of_another_process_is_not_destroyed() {
        let base = tempfile::tempdir().unwrap();
        for (creator, left) in [(Creator::another_process(), 1), (Creator::this_process(), 0)] {
            let (id, spec) = (EnvironmentId::random(), EnvironmentSpec::default());
            let context = Context::new(EventSink::default(), Journal::of(None, &id));
            let new = NewEnvironment {
                id: &id,
                name: "x",
                spec: &spec,
                context: &context,
            };
            let mut instance = BasicInstance::create(base.path(), new).await.unwrap();
            instance.creator = creator;
            drop(instance);
            let found = Directory::find(base.path(), &id);
            assert_eq!(usize::from(found.is_ok()), left);
        }
    }
}
