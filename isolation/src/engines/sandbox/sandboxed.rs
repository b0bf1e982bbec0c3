//! The sandbox of one environment: when its first process runs, and for whom.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::OpenOptions;
use tokio::time::timeout;

use super::NAME;
use super::advice;
use super::arguments::{self, Sandbox};
use super::as_owner::as_owner;
use super::beginning::Beginning;
use super::first_process::Process;
use super::holder::{self, Holder};
use super::images::Defaults;
use super::kernel_capabilities::{RAW, of_first_process};
use super::layout::Layout;
use super::main_state::{self, Seen};
use super::open_root::OpenRoot;
use super::options::SandboxOptions;
use super::system_calls;
use crate::engines::hardened;
use crate::engines::host::cgroup::Cgroup;
use crate::environment::id::{EnvironmentId, random_hex};
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Place, Stop};
use crate::files::dir::Dir;
use crate::files::root;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;
use crate::spec::security::SecurityProfile;

/// The sandbox of one environment.
#[derive(Debug)]
pub(super) struct Sandboxed {
    pub(super) layout: Layout,
    hostname: String,
    working_dir: String,
    spec: EnvironmentSpec,
    /// The settings of the image for commands.
    pub(super) defaults: Defaults,
    /// The control group of its processes, if this user may create one.
    pub(super) cgroup: Option<Cgroup>,
    /// Whether the files of the root are being made, also those of one that is read-only later.
    is_being_made: AtomicBool,
    /// The first process, if this process has started it.
    holder: Mutex<Option<Holder>>,
}

impl Sandboxed {
    pub(super) fn new(
        layout: Layout,
        id: &EnvironmentId,
        spec: &EnvironmentSpec,
        defaults: Defaults,
        cgroup: Option<Cgroup>,
    ) -> Self {
        let mut spec = spec.clone();
        hardened::fill_in(&mut spec);
        if layout.has_internet() {
            spec.security.drop_capabilities.push(RAW.to_owned());
        }
        Self {
            layout,
            hostname: id.as_str().chars().take(12).collect(),
            working_dir: defaults.working_dir_of(&spec),
            spec,
            is_being_made: AtomicBool::new(false),
            defaults,
            cgroup,
            holder: Mutex::new(None),
        }
    }

    pub(super) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The specification of the environment, with the defaults of its security profile.
    pub(super) fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    pub(super) fn uses_host_network(&self) -> Result<bool> {
        Ok(SandboxOptions::of(&self.spec)?.uses_host_network())
    }

    pub(super) fn has_main(&self) -> bool {
        self.spec.main != Main::Idle
    }

    /// Whether its root can only be read when it is started now.
    pub(super) fn is_read_only(&self) -> bool {
        self.spec.security.read_only_root && !self.is_being_made.load(Ordering::Acquire)
    }

    /// The working directory of commands, inside.
    pub(super) fn working_dir(&self) -> &str {
        &self.working_dir
    }

    fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the files of a new environment, and starts it. Returns what its owner should know.
    pub(super) fn begin(&self, beginning: &Beginning, stop: &Stop) -> Result<Vec<String>> {
        self.is_being_made.store(true, Ordering::Release);
        self.layout.make()?;
        let mut warnings = self.lay_out(beginning, stop)?;
        if let Err(error) = self.ensure_started(false) {
            let Some(reason) = advice::no_overlay(&error) else {
                return Err(error);
            };
            warnings.push(format!(
                "the files of the image are copied, because no overlay can be mounted ({reason})"
            ));
            self.layout.copy_image()?;
            self.ensure_started(false)?;
        }
        if !matches!(beginning, Beginning::New(None)) {
            self.write_in_etc(self.system_files()?)?;
        }
        warnings.extend(beginning.warnings(&self.layout));
        Ok(warnings)
    }

    /// Starts it again if its root is read-only, now that all files are made.
    pub(super) fn complete(&self) -> Result<()> {
        self.is_being_made.store(false, Ordering::Release);
        if !self.spec.security.read_only_root {
            return Ok(());
        }
        {
            let _lock = self.layout.lock()?;
            self.end_locked()?;
        }
        self.ensure_started(false)
    }

    /// Creates the files of a new environment.
    fn lay_out(&self, beginning: &Beginning, stop: &Stop) -> Result<Vec<String>> {
        match beginning {
            Beginning::New(Some(image)) => self.layout.make_overlay(&image.root())?,
            Beginning::New(None) => {
                self.layout.make_root(self.system_files()?)?;
            }
            Beginning::Fork(source) => self.layout.copy_of(source, stop)?,
            Beginning::Saved(state, config) => {
                return self.layout.write_saved(state, config.as_deref(), stop);
            }
        }
        Ok(Vec::new())
    }

    /// Does something with the files of the running environment, as a user that may create some.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self.layout.identity().owner() {
            Some(owner) => as_owner(owner, work),
            None => work(),
        }
    }

    /// The first process, also of another owner.
    pub(super) fn process(&self) -> Option<Process> {
        Process::of(&self.layout)
    }

    /// Whether the first process runs, and this process has started it.
    pub(super) fn runs_here(&self) -> bool {
        self.holder()
            .as_ref()
            .is_some_and(|holder| holder.process().runs())
    }

    /// Starts the first process, unless one runs. It outlives this process if it is released.
    pub(super) fn ensure_started(&self, released: bool) -> Result<()> {
        let locked = self.lock_network()?;
        if self.process().is_none() {
            let holder = self.start_in_network(&locked)?;
            *self.holder() = Some(holder);
            self.make_working_dir()?;
        }
        match released {
            true => self.release(),
            false => Ok(()),
        }
    }

    /// Starts the first process in the network of another one, or in a new one. The caller has the
    /// lock.
    pub(super) fn start(&self, joined: Option<Process>) -> Result<Holder> {
        let top = self.layout.root();
        let has_image = self.layout.has_image();
        if !self.layout.is_overlay() {
            let root = Dir::open_root(&top, None).map_err(|e| Error::io("open", &top, e))?;
            for target in arguments::targets(&self.spec.mounts, has_image) {
                // `bwrap` follows links, also to files of this machine.
                root::reject_links(&root, target)?;
            }
        }
        let hosts = match self.is_read_only() && self.shares_network() {
            true => Some(self.write_hosts_beside()?),
            false => None,
        };
        let is_hardened = self.spec.security.profile == SecurityProfile::Hardened;
        let filter = system_calls::filter(is_hardened);
        if let Some(filter) = &filter {
            let path = self.layout.filter();
            fs::write(&path, filter).map_err(|e| Error::io("write", &path, e))?;
        }
        let main = match self.has_main() {
            true => self.layout.make_main()?.to_vec(),
            false => Vec::new(),
        };
        Holder::start(
            &self.layout,
            &Sandbox {
                identity: self.layout.identity(),
                hostname: &self.hostname,
                root: &top,
                is_read_only: self.is_read_only(),
                hosts: hosts.as_deref(),
                capabilities: &of_first_process(&self.spec.security, self.layout.identity()),
                is_hardened,
                has_image,
                is_filtered: filter.is_some(),
                pipes: &self.layout.pipes(),
                main: &main,
                new_network: joined.is_none() && !self.uses_host_network()?,
                mounts: &self.spec.mounts,
                ulimits: &self.spec.limits.ulimits,
            },
            joined,
            self.cgroup.as_ref(),
        )
    }

    fn make_working_dir(&self) -> Result<()> {
        match self.working_dir() {
            "/" => Ok(()),
            path => self.inside(|| self.place_in(self.process(), path, true)?.make_directory()),
        }
    }

    /// Lets the processes outlive this process.
    pub(super) fn release(&self) -> Result<()> {
        let mut holder = self.holder();
        if let Some(holder) = holder.as_mut() {
            holder::keep(&self.layout, holder.process()).map_err(|error| Error::engine(NAME, error))?;
            holder.release();
        }
        Ok(())
    }

    /// Ends every process.
    pub(super) fn end(&self) -> Result<()> {
        if !self.layout.top().exists() {
            self.holder().take();
            return Ok(());
        }
        let _lock = self.layout.lock()?;
        self.end_locked()
    }

    /// Ends every process after the end of the main process, but not those of a later run.
    pub(super) fn end_after_main(&self) -> Result<()> {
        let _lock = self.layout.lock()?;
        match main_state::seen(&self.layout)? {
            Seen::Ended(_) => self.end_locked(),
            Seen::NotStarted | Seen::Runs { .. } => Ok(()),
        }
    }

    /// Prepares another run of the main process; returns whether one is needed. Processes
    /// that an earlier run has left are killed.
    pub(super) fn begin_main(&self, released: bool) -> Result<bool> {
        {
            let _lock = self.layout.lock()?;
            match main_state::seen(&self.layout)? {
                Seen::Runs { .. } => return Ok(false),
                Seen::Ended(_) => self.end_locked()?,
                Seen::NotStarted => {}
            }
            main_state::reset(&self.layout, self.cgroup.as_ref())?;
        }
        self.ensure_started(released)?;
        self.write_hosts()?;
        Ok(true)
    }

    fn end_locked(&self) -> Result<()> {
        let gone = self.process().is_none_or(Process::kill);
        self.holder().take();
        self.disconnect();
        match gone {
            true => Ok(()),
            false => Err(Error::engine(
                NAME,
                "the processes could not be killed within 10 s",
            )),
        }
    }

    /// Calls `work` with the place of a path inside. A sandbox that does not run is started for
    /// that, and ended afterwards.
    pub(super) fn with_place<T: Send>(
        &self,
        path: &str,
        make: bool,
        work: impl FnOnce(Place) -> Result<T> + Send,
    ) -> Result<T> {
        self.with_process(|process| self.inside(|| work(self.place_in(Some(process), path, make)?)))
    }

    /// Calls `work` with the directory of the root as this machine sees it, and the paths in it at
    /// which something is mounted.
    pub(super) fn with_root<T: Send>(
        &self,
        work: impl FnOnce(&Path, Vec<&str>) -> Result<T> + Send,
    ) -> Result<T> {
        if !self.layout.is_overlay() {
            return work(&self.layout.root(), Vec::new());
        }
        self.with_process(|process| {
            let mounted = arguments::targets(&self.spec.mounts, true);
            let root = OpenRoot::of(process, self.layout.identity())?;
            work(&root.path(), mounted.collect())
        })
    }

    /// Calls `work` with the first process. A sandbox that does not run is started for that, and
    /// ended afterwards.
    fn with_process<T>(&self, work: impl FnOnce(Process) -> Result<T>) -> Result<T> {
        if let Some(process) = self.process() {
            return work(process);
        }
        let _lock = self.layout.lock()?;
        // Another process may have started it meanwhile.
        if let Some(process) = self.process() {
            return work(process);
        }
        // No program of the environment runs in it, so it needs no network.
        let holder = self.start(None)?;
        work(holder.process())
    }

    pub(super) fn place_in(&self, process: Option<Process>, path: &str, make: bool) -> Result<Place> {
        let process = process.ok_or_else(Error::lost)?;
        let identity = self.layout.identity();
        let open = OpenRoot::of(process, identity)?;
        let root = Dir::open_root(&open.path(), identity.owner())
            .map_err(|e| Error::io("open the root of the environment", &process.root(), e))?;
        root::place(&root, self.working_dir(), path, make)
    }

    /// Sends a signal to every process but the first one, and waits until it is sent.
    pub(super) async fn signal_all(&self, signal: &str, limit: Duration) -> Result<()> {
        let failed = |error: std::io::Error| Error::engine(NAME, error);
        let name = random_hex();
        let path = self.layout.pipe(&name, "done");
        self.layout.make_pipe(&path).map_err(failed)?;
        let sent = async {
            let mut done = OpenOptions::new().open_receiver(&path).map_err(failed)?;
            holder::request(&self.layout, &format!("all {signal} {name}")).map_err(failed)?;
            done.read_u8().await.map_err(failed)
        };
        let sent = timeout(limit, sent).await;
        // It is gone with a destroyed environment.
        let _ = fs::remove_file(&path);
        match sent {
            Ok(sent) => sent.map(drop),
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("the first process did not answer within {} s", limit.as_secs()),
            )),
        }
    }
}
