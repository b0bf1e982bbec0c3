//! An environment of the engine `docker`: a container.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::command_shell::CommandShells;
use super::container::ContainerRef;
use super::launch::Launcher;
use super::limits::read_back::ReadBack;
use super::mount_table::MountTable;
use super::networks::OwnNetworks;
use super::networks::join::Left;
use super::owned::Owned;
use super::remove::{self, Guard};
use super::{dependents, exec, files, health, paths};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::signal::Signal;
#[cfg(unix)]
use crate::engine::forks::Forks;
use crate::engine::instance::{
    DiskUsage, Exec, Files, Inspection, Instance, InstanceState, Logs, MainProcess, Metrics, Networking,
    Pause, Ports, Processes, Recreate, Rename, Update,
};
#[cfg(unix)]
use crate::engine::saves::Saves;
use crate::environment::first::START;
use crate::environment::status::Status;
use crate::error::{Error, Result};
use crate::files::{CopySource, FileKind};
use crate::spec::CopyIn;
use crate::spec::network::{NetworkMode, NetworkSpec};

#[derive(Debug)]
pub(super) struct DockerInstance {
    pub(super) container: ContainerRef,
    /// Starts the container.
    pub(super) launcher: Launcher,
    /// Shells for commands; `None` if each command gets an exec.
    pub(super) shells: Option<CommandShells>,
    pub(super) image: String,
    /// Whether the first process is a program of the user.
    pub(super) has_main: bool,
    /// Whether the daemon runs the health check of the specification.
    pub(super) checks_health: bool,
    /// The memory limit; 0 without one.
    pub(super) memory_limit: AtomicU64,
    /// The number of CPUs of the daemon's machine, if it is known.
    pub(super) cpus: Option<usize>,
    /// The disk limit, if the daemon does not enforce it, so that the size has to be measured.
    pub(super) measured_disk: Option<u64>,
    /// The prefix of container names.
    pub(super) prefix: String,
    /// The mounts, for copies.
    pub(super) mounts: MountTable,
    /// Copies of the specification that are made after the start.
    pub(super) late_copies: Mutex<Vec<CopyIn>>,
    /// The specification of the networks.
    pub(super) networks: NetworkSpec,
    /// Its settings on the networks that it has left.
    pub(super) left: Mutex<Left>,
    /// Its private network.
    pub(super) network: Option<Owned>,
    /// The other networks that belong to it.
    pub(super) own_networks: OwnNetworks,
    /// Its own image and volumes, if it was forked or restored.
    pub(super) owned: Vec<Owned>,
    /// The working directory of commands; absolute.
    pub(super) working_dir: String,
    /// Environment variables of the container that a shell would lose.
    pub(super) lost_env: BTreeMap<String, String>,
    /// Removes the container when dropped; disarmed when the container is removed in another way.
    pub(super) guard: Mutex<Guard>,
    /// Whether the environment outlives its owner.
    pub(super) kept: AtomicBool,
    /// The limits that are read inside after the first start, and those of them that were asked
    /// for: of a daemon without root.
    pub(super) read_back: Mutex<Option<ReadBack>>,
}

impl DockerInstance {
    async fn begin(&self, command: &Command) -> Result<Execution> {
        let working_dir = match &command.working_dir {
            Some(working_dir) => paths::join(&self.working_dir, working_dir)?,
            None => String::new(),
        };
        // The shells have the user of the container.
        if let Some(shells) = self.shells.as_ref().filter(|_| command.user.is_none()) {
            let directory = if working_dir.is_empty() {
                &self.working_dir
            } else {
                &working_dir
            };
            if let Some(execution) = shells.start(command, directory).await? {
                return Ok(execution);
            }
        }
        exec::start(&self.container, command, &working_dir, &self.lost_env).await
    }

    async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        let target = paths::resolve(&self.working_dir, target)?;
        files::copy_in(&self.container, &self.mounts, source, &target).await
    }

    /// Fails if copies of the specification are not made yet: file systems in memory are empty
    /// until the start.
    pub(super) fn check_late_copies(&self) -> Result<()> {
        match self.late_copies().first() {
            None => Ok(()),
            Some(late) => {
                let hint = format!(
                    "{} is in memory, so it is copied after the start; {START}",
                    late.target
                );
                Err(Error::wrong_status(Status::Created, hint))
            }
        }
    }

    async fn make_late_copies(&self) -> Result<()> {
        let late = std::mem::take(&mut *self.late_copies());
        for copy in late {
            let source = CopySource::Path(copy.source);
            let copied = self.bring_in(source, &copy.target).await;
            copied.map_err(|error| error.during("copy in", &copy.target))?;
        }
        Ok(())
    }

    pub(super) fn late_copies(&self) -> MutexGuard<'_, Vec<CopyIn>> {
        self.late_copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        let source = paths::resolve(&self.working_dir, source)?;
        files::copy_out(&self.container, &self.mounts, &source, target).await
    }

    pub(super) fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The aliases of the specification on a network.
    pub(super) fn spec_aliases(&self, network: &str) -> Vec<String> {
        let is_main = match &self.networks.mode {
            NetworkMode::Named(name) => name == network,
            NetworkMode::Private => self.network.as_ref().is_some_and(|own| own.name() == network),
            NetworkMode::Default | NetworkMode::None | NetworkMode::Environment(_) => false,
        };
        match is_main || self.networks.join.iter().any(|name| name == network) {
            true => self.networks.aliases_for(network),
            false => Vec::new(),
        }
    }

    /// The networks that belong to it.
    fn all_networks(&self) -> impl Iterator<Item = &Owned> {
        self.network.iter().chain(self.own_networks.values())
    }

    pub(super) fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close_shells(&self) {
        if let Some(shells) = &self.shells {
            shells.close();
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// From now on, dropping this does not remove the container.
    fn disarm(&self) {
        self.guard().disarm();
        self.owned.iter().for_each(Owned::disarm);
        self.all_networks().for_each(Owned::disarm);
    }
}

impl Instance for DockerInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        Box::pin(self.look())
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.launcher.start().await?;
            self.read_limits_back().await?;
            self.make_late_copies().await
        })
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.stop_container(grace))
    }

    fn kill(&self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.kill_container(signal))
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            for network in self.all_networks() {
                network.until_unused(self.container.id()).await?;
            }
            let (docker, made_id) = (&self.container.docker, &self.container.made_id);
            let (containers, id) = (docker.containers(), self.container.id());
            // It kills a paused container only after seconds. This one may not be paused.
            let resumed = self.container.podman && containers.unpause(id).await.is_ok();
            self.launcher.set_removing(true);
            if let Err(error) = remove::remove_made(docker, id, made_id).await {
                self.launcher.set_removing(false);
                let refused = dependents::are_cause(&error);
                let error = dependents::removal_error(docker, error).await;
                if !refused {
                    return Err(error);
                }
                // It stays as it was.
                if resumed {
                    let _ = containers.pause(id).await;
                }
                return Err(match self.look().await {
                    Ok(seen) => error.observed(seen.status),
                    Err(_) => error,
                });
            }
            self.close_shells();
            self.launcher.release_owner();
            for owned in self.all_networks().chain(&self.owned) {
                owned.remove().await?;
            }
            self.disarm();
            Ok(())
        })
    }

    fn destroy_blocking(&self, limit: Duration) -> bool {
        self.close_shells();
        self.launcher.release_owner();
        let gone = self.guard().remove_in_background(limit);
        let others = self.all_networks().chain(&self.owned);
        // Each of them, also if one is not gone yet.
        others
            .map(Owned::remove_in_background)
            .fold(gone, |all, one| all && one)
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.check_late_copies()?;
            if !self.is_kept() {
                self.keep_container().await?;
                self.kept.store(true, Ordering::Release);
            }
            self.disarm();
            Ok(())
        })
    }

    fn exec(&self) -> Option<&dyn Exec> {
        Some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn image_check(&self) -> BoxFuture<'_, Result<Option<Command>>> {
        Box::pin(health::of_image(&self.container))
    }

    fn checks_health(&self) -> bool {
        self.checks_health
    }

    fn recreate(&self) -> Option<&dyn Recreate> {
        self.launcher.made.as_ref().map(|_| self as _)
    }

    fn main(&self) -> Option<&dyn MainProcess> {
        self.has_main.then_some(self)
    }

    fn ports(&self) -> Option<&dyn Ports> {
        Some(self)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        self.has_main.then_some(self)
    }

    fn networking(&self) -> Option<&dyn Networking> {
        Some(self)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        Some(self)
    }

    fn inspection(&self) -> Option<&dyn Inspection> {
        Some(self)
    }

    fn pause(&self) -> Option<&dyn Pause> {
        Some(self)
    }

    fn rename(&self) -> Option<&dyn Rename> {
        Some(self)
    }

    fn update(&self) -> Option<&dyn Update> {
        Some(self)
    }

    fn processes(&self) -> Option<&dyn Processes> {
        Some(self)
    }

    #[cfg(unix)]
    fn forks(&self) -> Option<&dyn Forks> {
        Some(self)
    }

    #[cfg(unix)]
    fn saves(&self) -> Option<&dyn Saves> {
        Some(self)
    }

    fn network_users(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async {
            match self.container.made_id.get() {
                Some(id) if !self.container.podman => dependents::listed(&self.container.docker, &id).await,
                _ => Ok(Vec::new()),
            }
        })
    }

    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        self.measured_disk.map(|_| self as _)
    }
}

impl Exec for DockerInstance {
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(self.begin(command))
    }
}

impl Files for DockerInstance {
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_in(source, target))
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_out(source, target))
    }

    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<FileKind>>> {
        Box::pin(async move {
            let path = paths::resolve(&self.working_dir, path)?;
            files::kind(&self.container, &path).await
        })
    }
}
