//! The engine for isolation without a daemon: Linux namespaces, made by the program `bwrap` of the
//! package bubblewrap.
//!
//! An environment has its own root, `/tmp`, home, processes, users and network. Its root has the
//! files of an image that was [imported](images), with an overlay for its changes. Without an image
//! it sees the programs and libraries of this machine, read-only, and nothing else: no home
//! directory, no socket, no variable of the caller. It has only its own loopback interface, unless
//! the specification asks for another network. Its first command runs after some 20 ms.
//!
//! The first process of an environment is a shell, whose standard input is a socket of this
//! process. When this process ends, also by `kill -9`, the shell ends and the kernel kills
//! everything else, unless the environment is kept. Commands are started by that shell, and are
//! read and written through named pipes.
//!
//! The root user inside is never root outside. For an ordinary user it is the caller. The other
//! users are those that `/etc/subuid` and `/etc/subgid` give to the caller, if the program
//! `newuidmap` can map them; otherwise there is no other user. For root it is the first one of
//! 65536 users that this machine uses for nothing else; mounted files of the caller then belong to
//! an unknown user inside. Commands then run as the user of the specification or of the image,
//! which is looked up in the environment.
//!
//! The members of a group have one loopback interface and reach each other by name, as an
//! environment and another one whose network it has. Each port there belongs to one of them.
//!
//! The network `bridge`, a [`NetworkMode::Named`](crate::NetworkMode::Named), has access to the
//! internet and to the addresses of this machine, but not to its loopback interface. The program
//! `slirp4netns` gives it, which needs `/dev/net/tun`: a probe finds out whether it works, and
//! [`CapabilityValues::network_modes`](crate::CapabilityValues::network_modes) has `bridge` if it
//! does. There is IPv4 only. No process has the kernel capability `NET_RAW`. The option of
//! [`SandboxOptions`] gives an environment the network of this machine.
//!
//! A published port of TCP is forwarded by each process that uses the environment, to a program
//! inside that listens on the loopback interface.
//!
//! A main process is the program of the image or a command, and the environment ends with it. Its
//! output is kept in two files, which have no limit and no times of lines. It gets the signal of
//! the image to stop, and then its grace period.
//!
//! Limits of memory, CPU and processes hold where this user may create control groups. Elsewhere
//! metrics are approximate: see [`MetricsKind`](crate::MetricsKind). A disk limit is supervised:
//! see [`DiskLimitKind`](crate::DiskLimitKind).
//!
//! An environment is not a virtual machine: its programs use the kernel of this machine, and an
//! error in the kernel's namespaces lets them escape. On x86-64 and ARM64, system calls for mounts,
//! namespaces, keys and the settings of the kernel are rejected, as in a container of Docker.
//!
//! With several users, commands of root have the kernel capabilities of a container of Docker,
//! without those that the specification drops. The profile hardened needs an image, several users
//! and control groups. No process can gain privileges.
//!
//! Another process can use an environment that is kept. One that is not kept belongs to its
//! creator: another process can only stop and destroy it, and copy its files.
//!
//! ```no_run
//! use isolation::engines::sandbox::SandboxEngine;
//! use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let mut registry = Registry::new();
//! registry.register(SandboxEngine::new())?;
//! let manager = Manager::new(registry);
//! let environment = manager.create(&EngineChoice::Auto, EnvironmentSpec::default()).await?;
//! println!("{}", environment.run(Command::shell("id; ps -e")).await?.stdout_text());
//! environment.destroy().await
//! # }
//! ```

mod advice;
mod arguments;
mod as_owner;
mod begin_command;
mod beginning;
mod command_files;
mod descriptors;
mod disk;
mod ending;
mod files;
mod first_process;
mod holder;
mod host_files;
mod identity;
pub mod images;
mod instance;
mod internet;
mod internet_probe;
mod kernel_capabilities;
mod known_answer;
mod layout;
mod list;
mod main_log;
mod main_process;
mod main_state;
mod mapped;
mod metrics;
mod native_program;
mod network;
mod open_root;
mod options;
mod pause;
mod ports;
mod probe;
mod process;
mod processes;
mod rename;
mod report;
mod rights;
mod sandboxed;
mod script;
mod slirp;
mod snapshot;
mod socket_mounts;
mod start_report;
mod system_calls;
mod system_files;
mod terminal;
mod ulimits;
mod user;
mod users;
mod writable_mounts;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::BoxFuture;
use crate::engine::context::Context;
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::{Availability, Engine, Leftover, NewEnvironment, Opened, Probe};
use crate::engines::docker::ImageNames;
use crate::engines::hardened;
use crate::engines::host::blocking;
use crate::engines::host::cgroup::Cgroup;
use crate::engines::host::directory::Directory;
use crate::engines::host::environment_processes::EnvironmentProcesses;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, Result};
use crate::snapshots::SavedState;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;

use beginning::Beginning;
use identity::Identity;
use images::{Defaults, ImageStore};
use instance::SandboxInstance;
use layout::Layout;
use network::NetworkNote;
pub use options::SandboxOptions;
use sandboxed::Sandboxed;

/// The name under which the engine is registered.
pub const NAME: &str = super::SANDBOX;

/// Where programs of this machine are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The engine for isolation without a daemon: see [the module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxEngine {
    base: PathBuf,
    cache: Option<PathBuf>,
    image_names: ImageNames,
}

impl Default for SandboxEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl SandboxEngine {
    /// Creates an engine that uses the system's directory for temporary files.
    pub fn new() -> Self {
        Self::below(std::env::temp_dir())
    }

    /// Creates an engine that creates its environments in this directory, which must exist. For
    /// root it must be one that every user may enter.
    pub fn below(base: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            cache: None,
            image_names: ImageNames::default(),
        }
    }

    /// Keeps images in this directory instead of the user's directory for caches: `isolate/sandbox`
    /// in `$XDG_CACHE_HOME` or `~/.cache`, for root `/var/cache/isolate/sandbox`. For root it must
    /// be one that every user may enter.
    #[must_use]
    pub fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = Some(cache.into());
        self
    }

    /// The directory in which it creates its directories.
    pub fn base(&self) -> &Path {
        &self.base
    }

    async fn ask(&self) -> Probe {
        if let Some(known) = probe::known(&self.base) {
            return known;
        }
        let engine = self.clone();
        let probed = blocking(NAME, move || {
            // Without a directory for it, every process probes.
            let kept = Identity::of_this_process().and_then(|identity| engine.image_store(identity));
            let kept = kept.ok().map(|store| store.top().to_owned());
            Ok(probe::probe(&engine.base, kept.as_deref()))
        })
        .await;
        probed.unwrap_or_else(|error| unprobed(&error))
    }

    async fn begin(&self, new: NewEnvironment<'_>, from: Origin<'_>) -> Result<SandboxInstance> {
        ports::check(new.spec, &SandboxOptions::of(new.spec)?)?;
        if let Availability::Unavailable { reason, hint } = self.ask().await.availability {
            return Err(Error::unavailable(NAME, reason, hint));
        }
        let identity = match from {
            // The users to whom the files belong.
            Origin::Fork(source) => source.identity(),
            _ => probe::identity(&self.base)?,
        };
        writable_mounts::check(new.spec, identity)?;
        ulimits::check(&new.spec.limits.ulimits)?;
        rights::check(new.spec, identity)?;
        let directory = Directory::create(NAME, &self.base, new.id)?;
        let layout = Layout::of(&directory, identity);
        let prepared = self
            .beginning(new, from, identity, &directory)
            .and_then(|beginning| {
                main_process::command(&new.spec.main, &beginning.defaults())?;
                if let Some(network) = NetworkNote::of(&new, &self.base, matches!(from, Origin::Fork(_)))? {
                    network.write(&layout)?;
                }
                rights::check_image(new.spec, beginning.has_image())?;
                let limits = new.spec.limits.clone().or(&hardened::default_limits(new.spec));
                Ok((beginning, Cgroup::create(new.id, &limits)?))
            });
        let (beginning, cgroup) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // The first error counts; nothing runs.
                let _ = directory.remove();
                return Err(error);
            }
        };
        SandboxInstance::create(layout, directory, cgroup, beginning, new).await
    }

    /// The files with which an environment begins; it uses their image from now on.
    fn beginning(
        &self,
        new: NewEnvironment<'_>,
        from: Origin<'_>,
        identity: Identity,
        directory: &Directory,
    ) -> Result<Beginning> {
        match (from, &new.spec.image) {
            (Origin::Saved(state), _) => Beginning::saved(state),
            (Origin::Fork(source), _) => {
                if let Some(image) = source.kept_image().filter(|_| !source.has_own_image()) {
                    ImageStore::share(&image, new.id, directory.path())?;
                }
                Ok(Beginning::Fork(source.clone()))
            }
            (Origin::New, None) => Ok(Beginning::New(None)),
            (Origin::New, Some(image)) => {
                let store = self.image_store(identity)?;
                let kept = store.use_for(image, new.id, directory.path())?;
                Ok(Beginning::New(Some(Box::new(kept))))
            }
        }
    }

    fn find(&self, id: &EnvironmentId) -> Result<(Layout, Directory)> {
        let directory = Directory::find(NAME, &self.base, id)?;
        let layout = Layout::existing(&directory);
        Ok((layout, directory))
    }

    fn reopen(&self, id: &EnvironmentId, context: &Context) -> Result<Opened> {
        let (layout, directory) = self.find(id)?;
        let note = directory.read_note()?;
        Ok(Opened {
            name: note.name.clone(),
            spec: note.spec.clone(),
            status: main_state::current(note.status, &layout, note.spec.main != Main::Idle),
            instance: Box::new(SandboxInstance::open(layout, directory, note, context)),
        })
    }
}

/// Where the files of a new environment come from.
#[derive(Debug, Clone, Copy)]
enum Origin<'a> {
    New,
    Saved(&'a SavedState),
    Fork(&'a Layout),
}

/// The answer of a probe that was interrupted.
fn unprobed(error: &Error) -> Probe {
    let identity = Identity::of_this_process().unwrap_or(Identity::Caller);
    Probe::unavailable(
        error.to_string(),
        "try again",
        probe::capabilities(identity, &Err(error.to_string())),
    )
}

impl Engine for SandboxEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        Box::pin(self.ask())
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move { Ok(Box::new(self.begin(new, Origin::New).await?) as Box<dyn Instance>) })
    }

    fn adapt(&self, state: &SavedState, spec: &mut EnvironmentSpec) -> Result<()> {
        snapshot::adapt(state.manifest(), spec)
    }

    fn restore<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        state: &'a SavedState,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        let restored = self.begin(new, Origin::Saved(state));
        Box::pin(async move { Ok(Box::new(restored.await?) as Box<dyn Instance>) })
    }

    fn fork<'a>(
        &'a self,
        new: NewEnvironment<'a>,
        point: &'a ForkPoint,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async move {
            let source = snapshot::original(point)?;
            Ok(Box::new(self.begin(new, Origin::Fork(source)).await?) as Box<dyn Instance>)
        })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, context: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(std::future::ready(self.reopen(id, context)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(std::future::ready(self.summaries()))
    }

    fn remove<'a>(&'a self, leftover: Leftover<'a>) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let (layout, directory) = match self.find(leftover.id) {
                Ok(found) => found,
                Err(error) if error.is_not_found() => {
                    // Something else may have removed the directory alone.
                    let path = Directory::path_of(NAME, &self.base, leftover.id);
                    let id = leftover.id.clone();
                    blocking(NAME, move || EnvironmentProcesses::end(&id, &path, None)).await?;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            let (spec, defaults) = (EnvironmentSpec::default(), Defaults::default());
            let sandbox = Sandboxed::new(layout, leftover.id, &spec, defaults, None);
            let id = leftover.id.clone();
            blocking(NAME, move || instance::remove(&id, &sandbox, &directory)).await?;
            Ok(true)
        })
    }

    fn address(&self) -> Option<String> {
        // As the directories of its environments name it.
        let real = std::fs::canonicalize(&self.base);
        let path = real.or_else(|_| std::path::absolute(&self.base)).ok()?;
        path.to_str().map(str::to_owned)
    }

    fn at(&self, address: &str) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Self::below(address)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
