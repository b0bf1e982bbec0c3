//! One environment: its directory, its first process, its commands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::NAME;
use super::beginning::Beginning;
use super::images::{self, Defaults, Kept};
use super::layout::Layout;
use super::main_state;
use super::mapped;
use super::sandboxed::Sandboxed;
use super::script::Role;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::signal::Signal;
use crate::creator::Creator;
use crate::engine::NewEnvironment;
use crate::engine::context::Context;
use crate::engine::forks::Forks;
use crate::engine::instance::{
    DiskUsage, Exec, Files, Instance, InstanceState, Logs, MainProcess, Metrics, Pause, Ports, Processes,
    Rename, Update,
};
use crate::engine::saves::Saves;
use crate::engines::host::blocking;
use crate::engines::host::cgroup::Cgroup;
use crate::engines::host::directory::{Directory, Note};
use crate::engines::host::process_usage::ProcessUsage;
use crate::engines::shell::KnownPrograms;
use crate::environment::id::EnvironmentId;
use crate::environment::name::Name;
use crate::environment::status::Status;
use crate::environment::summary;
use crate::error::Result;
use crate::events::{EventKind, Subject};
use crate::files::CopySource;
use crate::files::copy::{Stop, StopOnDrop};
use crate::journal::Journal;
use crate::spec::EnvironmentSpec;
use crate::spec::limits::ResourceLimits;

/// How long the first process may take for a signal to all others.
pub(super) const SIGNAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct SandboxInstance {
    id: EnvironmentId,
    pub(super) name: Name,
    pub(super) spec: EnvironmentSpec,
    pub(super) directory: Directory,
    pub(super) sandbox: Arc<Sandboxed>,
    pub(super) known: Arc<Mutex<KnownPrograms>>,
    pub(super) usage: Arc<ProcessUsage>,
    pub(super) released: AtomicBool,
    creator: Creator,
    journal: Journal,
    created: Option<u64>,
}

impl SandboxInstance {
    /// Creates an environment in this directory. The value owns the directory from the start: an
    /// error, or a dropped future, removes it.
    pub(super) async fn create(
        layout: Layout,
        directory: Directory,
        cgroup: Option<Cgroup>,
        beginning: Beginning,
        new: NewEnvironment<'_>,
    ) -> Result<Self> {
        let defaults = beginning.defaults();
        let made = Self::new(
            new.id,
            new.name.to_owned(),
            new.spec.clone(),
            directory,
            Sandboxed::new(layout, new.id, new.spec, defaults, cgroup),
            new.context,
            false,
        );
        let sandbox = Arc::clone(&made.sandbox);
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let warnings = blocking(NAME, move || sandbox.begin(&beginning, &stop)).await?;
        for message in warnings {
            let subject = Subject::Environment {
                id: new.id.clone(),
                name: new.name.to_owned(),
                engine: NAME.to_owned(),
            };
            new.context.emit(subject, EventKind::Warning { message });
        }
        for copy in &made.spec.copies {
            made.bring_in(CopySource::Path(copy.source.clone()), &copy.target)
                .await?;
        }
        let sandbox = Arc::clone(&made.sandbox);
        blocking(NAME, move || sandbox.complete()).await?;
        made.note(Status::Created)?;
        Ok(made)
    }

    /// Opens the environment in this directory; it belongs to its creator.
    pub(super) fn open(layout: Layout, directory: Directory, note: Note, context: &Context) -> Self {
        let cgroup = note.cgroup.filter(|group| group.belongs_to(&note.id));
        let image = layout.kept_image();
        let defaults = image.as_ref().map(Defaults::of).unwrap_or_default();
        let sandbox = Sandboxed::new(layout, &note.id, &note.spec, defaults, cgroup);
        let mut opened = Self::new(&note.id, note.name, note.spec, directory, sandbox, context, true);
        opened.created = note.created;
        opened
    }

    fn new(
        id: &EnvironmentId,
        name: String,
        spec: EnvironmentSpec,
        directory: Directory,
        sandbox: Sandboxed,
        context: &Context,
        released: bool,
    ) -> Self {
        Self {
            id: id.clone(),
            name: name.into(),
            spec,
            directory,
            sandbox: Arc::new(sandbox),
            known: Arc::default(),
            usage: Arc::default(),
            released: AtomicBool::new(released),
            creator: Creator::this_process(),
            journal: context.journal().clone(),
            created: summary::now(),
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
            cgroup: self.sandbox.cgroup.clone(),
        })
    }

    pub(super) fn check_exists(&self) -> Result<()> {
        self.directory.check_exists()
    }

    /// The status now: one that ran and has no first process any more is stopped.
    pub(super) fn status(&self) -> Result<Status> {
        if !self.directory.exists() {
            return Ok(Status::Lost);
        }
        let status = self.directory.read_note()?.status;
        Ok(main_state::current(
            status,
            &self.sandbox.layout,
            self.sandbox.has_main(),
        ))
    }

    /// The limits that hold, if there are some.
    fn limits(&self) -> Option<ResourceLimits> {
        let ulimits = &self.spec.limits.ulimits;
        let of_group = self.sandbox.cgroup.as_ref().map(Cgroup::limits);
        let limits = of_group.or_else(|| (!ulimits.is_empty()).then(ResourceLimits::default))?;
        Some(ResourceLimits {
            ulimits: ulimits.clone(),
            ..limits
        })
    }
}

impl Instance for SandboxInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(async move {
            let path = self.directory.path().to_string_lossy();
            let mut state = InstanceState::new(self.status()?)
                .with_detail("directory", path)
                .with_detail("users", self.sandbox.layout.identity().text())
                .with_detail("network", self.sandbox.network_text()?);
            if let Some(image) = self.sandbox.layout.kept_image() {
                let layout = &self.sandbox.layout;
                let root = match (layout.is_overlay(), layout.has_own_image()) {
                    (true, _) => "an overlay over the files of the image",
                    (_, true) => "the files of a snapshot",
                    _ => "a copy of the files of the image",
                };
                state = state
                    .with_detail("image", format!("sha256:{}", image.id()))
                    .with_detail("root", root);
                let left_out = images::left_out(&image);
                if !left_out.is_empty() {
                    state = state.with_detail("not_from_image", left_out.join("; "));
                }
            }
            state.limits = self.limits();
            if state.status == Status::Stopped {
                state.exit = self.exit_of_main()?;
            }
            Ok(state)
        })
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.check_exists()?;
            if self.sandbox.has_main() {
                return self.start_main().await;
            }
            let (sandbox, released) = (Arc::clone(&self.sandbox), self.released.load(Ordering::Acquire));
            // A new environment runs already.
            if released || !sandbox.runs_here() || sandbox.shares_network() {
                let started = move || {
                    sandbox
                        .ensure_started(released)
                        .and_then(|()| sandbox.write_hosts())
                };
                blocking(NAME, started).await?;
            }
            self.note(Status::Running)
        })
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.check_exists()?;
            match self.directory.read_note()?.status {
                Status::Running | Status::Paused => self.end_processes(grace).await,
                _ => Ok(()),
            }
        })
    }

    fn kill(&self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        match signal {
            Signal::Kill => Box::pin(self.end_processes(Duration::ZERO)),
            signal => Box::pin(std::future::ready(self.signal_main(signal.name()))),
        }
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        let (id, sandbox, directory) = (self.id.clone(), Arc::clone(&self.sandbox), self.directory.clone());
        Box::pin(async move { blocking(NAME, move || remove(&id, &sandbox, &directory)).await })
    }

    fn destroy_blocking(&self, _: Duration) -> bool {
        // If this fails, the entry stays.
        let hold = self.journal.hold();
        let ended = remove(&self.id, &self.sandbox, &self.directory);
        if ended.is_ok() {
            hold.gone();
        }
        ended.is_ok()
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        self.released.store(true, Ordering::Release);
        Box::pin(std::future::ready(self.sandbox.release()))
    }

    fn exec(&self) -> Option<&dyn Exec> {
        Some(self)
    }

    fn main(&self) -> Option<&dyn MainProcess> {
        self.sandbox.has_main().then_some(self as _)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        self.sandbox.has_main().then_some(self as _)
    }

    fn image_check(&self) -> BoxFuture<'_, Result<Option<Command>>> {
        let check = self.sandbox.defaults.health_check.clone();
        Box::pin(std::future::ready(Ok(check)))
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn ports(&self) -> Option<&dyn Ports> {
        Some(self)
    }

    fn pause(&self) -> Option<&dyn Pause> {
        Some(self)
    }

    fn rename(&self) -> Option<&dyn Rename> {
        Some(self)
    }

    fn processes(&self) -> Option<&dyn Processes> {
        Some(self)
    }

    fn forks(&self) -> Option<&dyn Forks> {
        Some(self)
    }

    fn saves(&self) -> Option<&dyn Saves> {
        Some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        self.measured()
    }

    fn keeps_network(&self) -> bool {
        true
    }

    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        self.spec.limits.disk.map(|_| self as _)
    }

    fn update(&self) -> Option<&dyn Update> {
        self.sandbox.cgroup.as_ref().map(|group| group as &dyn Update)
    }
}

/// Ends every process, and removes the control group and the directory.
pub(super) fn remove(id: &EnvironmentId, sandbox: &Sandboxed, directory: &Directory) -> Result<()> {
    sandbox.end()?;
    let noted = directory.read_note().ok().and_then(|note| note.cgroup);
    if let Some(group) = Cgroup::noted(noted, id) {
        group.remove()?;
    }
    Kept::forget(&sandbox.layout.image(), id)?;
    mapped::remove(&sandbox.layout)?;
    directory.remove()
}

impl Exec for SandboxInstance {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let begun = self.begin_command(command, Role::Command).await?;
            Ok(begun.into_execution(command))
        })
    }
}

impl Drop for SandboxInstance {
    fn drop(&mut self) {
        if !self.released.load(Ordering::Acquire) && self.creator.is_this_process() {
            self.destroy_blocking(Duration::ZERO);
        }
    }
}
