//! An environment that is a directory and processes of this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cgroup::Cgroup;
use super::directory::{Directory, Note};
use super::environment_processes::EnvironmentProcesses;
use super::process_group::ProcessGroups;
use super::process_usage::ProcessUsage;
use super::setup::{Plain, Setup};
use super::watcher::Watcher;
use super::{blocking, paths, process};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::signal::Signal;
use crate::creator::Creator;
use crate::engine::NewEnvironment;
use crate::engine::context::Context;
use crate::engine::forks::Forks;
use crate::engine::instance::{DiskUsage, Exec, Files, Instance, InstanceState, Metrics, Rename, Update};
use crate::engine::saves::Saves;
use crate::environment::id::EnvironmentId;
use crate::environment::name::Name;
use crate::environment::status::Status;
use crate::environment::summary;
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::files::copy::Place;
use crate::journal::Journal;
use crate::spec::EnvironmentSpec;

/// The interval in which [`Instance::stop`] checks whether all processes have exited.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct HostInstance {
    /// The name of the engine.
    pub(super) engine: &'static str,
    pub(super) id: EnvironmentId,
    pub(super) name: Name,
    pub(super) spec: EnvironmentSpec,
    pub(super) directory: Directory,
    working_dir: PathBuf,
    pub(super) setup: Arc<dyn Setup>,
    groups: Arc<ProcessGroups>,
    released: AtomicBool,
    creator: Creator,
    journal: Journal,
    created: Option<u64>,
    /// Its control group, if this user may create one.
    pub(super) cgroup: Option<Cgroup>,
    /// The usage that was measured without a control group.
    pub(super) usage: Arc<ProcessUsage>,
    /// Ends all processes when this process exits, unless the environment is kept.
    watcher: Mutex<Option<Watcher>>,
}

impl HostInstance {
    /// Creates the directory. The value owns it: a later error or a dropped future removes it.
    /// [`complete`](Self::complete) is the next call.
    pub(crate) fn begin(engine: &'static str, base: &Path, new: NewEnvironment<'_>) -> Result<Self> {
        let made = Self::begin_empty(engine, base, new)?;
        made.directory.lay_out()?;
        Ok(made)
    }

    /// Like [`begin`](Self::begin), without files: the caller creates the root and its contents.
    pub(crate) fn begin_empty(engine: &'static str, base: &Path, new: NewEnvironment<'_>) -> Result<Self> {
        let directory = Directory::create(engine, base, new.id)?;
        let mut made = Self {
            engine,
            id: new.id.clone(),
            name: new.name.to_owned().into(),
            spec: new.spec.clone(),
            working_dir: directory.root(),
            directory,
            setup: Arc::new(Plain),
            groups: Arc::default(),
            released: AtomicBool::new(false),
            creator: Creator::this_process(),
            journal: new.context.journal().clone(),
            created: summary::now(),
            cgroup: None,
            usage: Arc::default(),
            watcher: Mutex::new(None),
        };
        made.cgroup = Cgroup::create(&made.id, &made.spec.limits)?;
        Ok(made)
    }

    /// Creates the working directory and the copies; other processes see the environment from now
    /// on.
    pub(crate) async fn complete(mut self) -> Result<Self> {
        self.working_dir = self.specified_working_dir()?;
        Place::made_inside(&self.directory.root(), &self.working_dir)?.make_directory()?;
        for copy in &self.spec.copies {
            self.bring_in(CopySource::Path(copy.source.clone()), &copy.target)
                .await?;
        }
        self.note(Status::Created)?;
        Ok(self)
    }

    /// Opens the environment in this directory; it belongs to its creator.
    pub(crate) fn open(
        engine: &'static str,
        directory: Directory,
        note: Note,
        context: &Context,
    ) -> Result<Self> {
        let mut opened = Self {
            engine,
            cgroup: note.cgroup.filter(|group| group.belongs_to(&note.id)),
            created: note.created,
            id: note.id,
            name: note.name.into(),
            spec: note.spec,
            working_dir: directory.root(),
            directory,
            setup: Arc::new(Plain),
            groups: Arc::default(),
            released: AtomicBool::new(true),
            creator: Creator::this_process(),
            journal: context.journal().clone(),
            usage: Arc::default(),
            watcher: Mutex::new(None),
        };
        opened.working_dir = opened.specified_working_dir()?;
        Ok(opened)
    }

    /// Sets the additions of the engine to the environment.
    #[must_use]
    pub(crate) fn with_setup(mut self, setup: Arc<dyn Setup>) -> Self {
        self.setup = setup;
        self
    }

    /// The directory of the environment.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    fn specified_working_dir(&self) -> Result<PathBuf> {
        let root = self.directory.root();
        match &self.spec.working_dir {
            Some(working_dir) => paths::resolve(&root, &root, working_dir),
            None => Ok(root),
        }
    }

    pub(super) fn note(&self, status: Status) -> Result<()> {
        self.check_exists()?;
        self.directory.write_note(&Note {
            id: self.id.clone(),
            name: self.name.current().to_owned(),
            status,
            spec: self.spec.clone(),
            created: self.created,
            cgroup: self.cgroup.clone(),
        })
    }

    pub(super) fn check_exists(&self) -> Result<()> {
        self.directory.check_exists()
    }

    pub(super) fn resolve(&self, path: &str) -> Result<PathBuf> {
        paths::resolve(&self.directory.root(), &self.working_dir, path)
    }

    fn start_command(&self, command: &Command) -> Result<Execution> {
        self.check_exists()?;
        let working_dir = match &command.working_dir {
            Some(working_dir) => self.resolve(working_dir)?,
            None => self.working_dir.clone(),
        };
        if !working_dir.is_dir() {
            let why = format!("the working directory {} does not exist", working_dir.display());
            return Err(Error::not_found(why));
        }
        let variables = self.variables(command);
        if let Some(why) = self.setup.missing_program(command.program(), &variables) {
            return Ok(Execution::not_started(command, 127, &why));
        }
        process::start(
            self.engine,
            &self.groups,
            command,
            &variables,
            &working_dir,
            self.cgroup.as_ref(),
        )
    }

    pub(super) fn processes(&self) -> EnvironmentProcesses {
        EnvironmentProcesses::of(&self.id, self.directory.path()).with_cgroup(self.cgroup.clone())
    }

    fn watcher(&self) -> MutexGuard<'_, Option<Watcher>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process that ends all other processes after this process has exited. Kept and
    /// opened environments, and environments on a system without a shell, do not have it.
    fn watch(&self) -> Result<()> {
        let mut watcher = self.watcher();
        if watcher.is_some() || self.released.load(Ordering::Acquire) {
            return Ok(());
        }
        match Watcher::start(&self.id) {
            Ok(started) => *watcher = Some(started),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::engine(self.engine, error)),
        }
        Ok(())
    }

    /// Asks all processes to exit, and kills them after `grace`.
    async fn end_processes(&self, grace: Duration) -> Result<()> {
        self.check_exists()?;
        let (processes, groups) = (self.processes(), Arc::clone(&self.groups));
        blocking(self.engine, move || {
            if !grace.is_zero() {
                // Each process once: those of process groups, and those that left their group or
                // were started by another process.
                processes.signal_all(Signal::Terminate, |group| groups.contains(group));
                groups.signal_all(Signal::Terminate);
            }
            let began = Instant::now();
            while began.elapsed() < grace && processes.any() {
                std::thread::sleep(LOOK);
            }
            groups.close();
            processes.kill_all();
            // From now on, the status decides whether commands may start.
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
    pub(crate) fn remove(id: &EnvironmentId, directory: &Directory) -> Result<()> {
        let noted = directory.read_note().ok().and_then(|note| note.cgroup);
        EnvironmentProcesses::end(id, directory.path(), noted)?;
        directory.remove()
    }
}

impl Instance for HostInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(async move {
            if !self.directory.exists() {
                return Ok(InstanceState::new(Status::Lost));
            }
            let status = self.directory.read_note()?.status;
            let path = self.directory.path().to_string_lossy();
            let mut state = InstanceState::new(status).with_detail("directory", path);
            state.limits = self.cgroup.as_ref().map(Cgroup::limits);
            Ok(state)
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        let setup = Arc::clone(&self.setup);
        Box::pin(async move {
            blocking(self.engine, move || setup.before_start()).await?;
            self.watch()?;
            self.note(Status::Running)
        })
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
        Box::pin(async move { blocking(self.engine, move || Self::end(&id, &groups, &directory)).await })
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

    fn rename(&self) -> Option<&dyn Rename> {
        Some(self)
    }

    fn saves(&self) -> Option<&dyn Saves> {
        Some(self)
    }

    fn forks(&self) -> Option<&dyn Forks> {
        Some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        self.measured()
    }

    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        self.spec.limits.disk.map(|_| self as _)
    }

    fn update(&self) -> Option<&dyn Update> {
        self.cgroup.as_ref().map(|group| group as &dyn Update)
    }
}

impl Exec for HostInstance {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(std::future::ready(self.start_command(command)))
    }
}

impl Drop for HostInstance {
    fn drop(&mut self) {
        if !self.released.load(Ordering::Acquire) && self.creator.is_this_process() {
            self.destroy_blocking(Duration::ZERO);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::events::EventSink;

    /// An instance of the engine `basic` in this directory.
    pub(in crate::engines::host) fn begun(base: &Path) -> HostInstance {
        let (id, spec) = (EnvironmentId::random(), EnvironmentSpec::default());
        let context = Context::new(EventSink::default(), Journal::of(None, &id));
        let new = NewEnvironment {
            id: &id,
            name: "x",
            spec: &spec,
            context: &context,
            ahead: None,
        };
        HostInstance::begin("basic", base, new).unwrap()
    }

    /// The exit of a forked process removed the environments of its parent.
    #[test]
    fn instance_of_another_process_is_not_destroyed() {
        let base = tempfile::tempdir().unwrap();
        for (creator, left) in [(Creator::another_process(), 1), (Creator::this_process(), 0)] {
            let mut instance = begun(base.path());
            let id = instance.id.clone();
            instance.creator = creator;
            drop(instance);
            let found = Directory::find("basic", base.path(), &id);
            assert_eq!(usize::from(found.is_ok()), left);
        }
    }
}
