//! Control groups (cgroups) of Linux: the limits and the resource usage of an environment on this
//! machine, if this user may create groups.
//!
//! Version 1 has one hierarchy of directories for each controller, version 2 has one for all. The
//! group of an environment is below the group of this process, so that the limits of this process
//! also apply. In version 2 a group with processes has no controllers for groups below it. Then the
//! group is a sibling of the group of this process, the layout of systemd's delegation
//! (`Delegate=yes`).
//!
//! Version 2 follows the documentation of the kernel; the tests use directories with the same
//! layout.

mod hierarchies;
mod limits;
mod usage;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::hierarchies::{Controller, Hierarchies, Version};
use crate::engine::capabilities::Capabilities;
use crate::engines::host::process_usage;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::spec::limits::ResourceLimits;

/// The number of attempts of a removal: a killed process still counts for a short time.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// The maximum depth of groups that commands have created below their group.
const DEPTH: u32 = 32;

/// Moves the shell into the group and becomes the command.
const ENTER: &str =
    r#"echo 0 > "$1/cgroup.procs" || { echo "isolation: cannot enter $1" >&2; exit 126; }; shift; exec "$@""#;

/// The control group of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    version: Version,
    /// The directory of the group for each controller; in version 2 they are the same.
    directories: Vec<(Controller, PathBuf)>,
}

impl Cgroup {
    /// Adds the features that a control group has here, or the reason why one is missing. Without a
    /// group, metrics are approximate.
    pub(crate) fn add_to(capabilities: Capabilities) -> Capabilities {
        process_usage::complete(match Hierarchies::of_this_process() {
            Ok(found) => found.add_to(capabilities),
            Err(why) => hierarchies::FEATURES
                .iter()
                .fold(capabilities, |all, (feature, _)| all.without(*feature, &why)),
        })
    }

    /// Whether it measures the usage of CPU, memory and processes.
    pub(crate) fn measures(&self) -> bool {
        let needed = [Controller::Memory, Controller::Cpuacct, Controller::Pids];
        needed.iter().all(|one| self.directory(*one).is_some())
    }

    /// Creates the group of an environment with these limits, if this user may create groups;
    /// `None` if no controller is available. After an error, the group does not exist.
    pub(crate) fn create(id: &EnvironmentId, limits: &ResourceLimits) -> Result<Option<Self>> {
        match Hierarchies::of_this_process() {
            Ok(found) => Self::create_in(&found, id, limits),
            Err(_) => Ok(None),
        }
    }

    fn create_in(
        hierarchies: &Hierarchies,
        id: &EnvironmentId,
        limits: &ResourceLimits,
    ) -> Result<Option<Self>> {
        let Some(group) = Self::expected(hierarchies, id) else {
            return Ok(None);
        };
        let made = group.make(hierarchies).and_then(|()| group.apply(limits));
        if let Err(error) = made {
            // The first error counts.
            let _ = group.remove();
            return Err(error);
        }
        Ok(Some(group))
    }

    /// The group that this process would create for an environment. It may not exist.
    fn of(id: &EnvironmentId) -> Option<Self> {
        Self::expected(&Hierarchies::of_this_process().ok()?, id)
    }

    fn expected(hierarchies: &Hierarchies, id: &EnvironmentId) -> Option<Self> {
        let group = Self {
            version: hierarchies.version(),
            directories: hierarchies
                .parents()
                .map(|(controller, parent)| (controller, parent.join(name(id))))
                .collect(),
        };
        (!group.directories.is_empty()).then_some(group)
    }

    /// The group in the note of an environment. Without a note, its creation was interrupted, in a
    /// process like this one.
    pub(crate) fn noted(noted: Option<Self>, id: &EnvironmentId) -> Option<Self> {
        let noted = noted.filter(|group| group.belongs_to(id));
        noted.or_else(|| Self::of(id))
    }

    /// Whether this is a group of the environment: commands of the environment can change the note.
    pub(crate) fn belongs_to(&self, id: &EnvironmentId) -> bool {
        let name = name(id);
        self.directories
            .iter()
            .all(|(_, path)| path.is_absolute() && path.file_name().is_some_and(|last| last == name.as_str()))
    }

    fn make(&self, hierarchies: &Hierarchies) -> Result<()> {
        hierarchies.enable()?;
        for path in self.unique() {
            fs::create_dir(path).map_err(|e| Error::io("create the control group", path, e))?;
        }
        if self.version == Version::Separate {
            if let Some(path) = self.directory(Controller::Cpuset) {
                limits::inherit_cpus(path)?;
            }
        }
        Ok(())
    }

    /// Its directories without duplicates: controllers may share a hierarchy.
    fn unique(&self) -> BTreeSet<&Path> {
        self.directories.iter().map(|(_, path)| path.as_path()).collect()
    }

    fn directory(&self, controller: Controller) -> Option<&Path> {
        let found = self.directories.iter().find(|(one, _)| *one == controller);
        found.map(|(_, path)| path.as_path())
    }

    /// Starts a process with `start` so that it is in the group from its first instruction. In
    /// version 2 its command must be that of [`entering`](Self::entering).
    ///
    /// The thread that starts it exits afterwards, so that no thread of this process stays in the
    /// group. So a process with a parent death signal must not be started here.
    pub(crate) fn start_inside<T: Send>(
        &self,
        start: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        if self.version == Version::Unified {
            return start();
        }
        let runtime = tokio::runtime::Handle::try_current().ok();
        let inside = || {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            for path in self.unique() {
                // 0 means the thread that writes.
                fs::write(path.join("tasks"), "0")?;
            }
            start()
        };
        let ended = std::thread::scope(|scope| scope.spawn(inside).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The command that enters the group and becomes this command.
    pub(crate) fn entering(&self, argv: &[String]) -> Vec<String> {
        match (self.version, self.directories.first()) {
            (Version::Unified, Some((_, path))) => {
                let start = ["/bin/sh", "-c", ENTER, "sh"].map(str::to_owned);
                let path = path.display().to_string();
                start
                    .into_iter()
                    .chain([path])
                    .chain(argv.iter().cloned())
                    .collect()
            }
            _ => argv.to_vec(),
        }
    }

    /// Moves a child process that was started with [`start_inside`](Self::start_inside) into the
    /// group, where that did not do it: a move takes much longer. Processes that the child has
    /// already started stay outside.
    pub(crate) fn add(&self, pid: u32) -> Result<()> {
        if self.version != Version::Unified {
            return Ok(());
        }
        for path in self.unique() {
            let procs = path.join("cgroup.procs");
            fs::write(&procs, pid.to_string()).map_err(|e| Error::io("write", &procs, e))?;
        }
        Ok(())
    }

    /// The PIDs in it and in the groups that its processes have created.
    pub(crate) fn processes(&self) -> BTreeSet<i32> {
        let mut found = BTreeSet::new();
        for path in self.unique() {
            collect(path, DEPTH, &mut found);
        }
        found
    }

    /// Whether the process itself is in it or in a group below it, and not only one of its threads.
    pub(crate) fn has_process(&self, pid: i32) -> bool {
        let names = self.directories.iter().filter_map(|(_, path)| path.file_name());
        let names: BTreeSet<_> = names.collect();
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let mut groups = groups.lines().flat_map(Path::new);
        groups.any(|part| names.contains(part))
    }

    /// Removes it; succeeds if it does not exist. Its processes must have exited.
    pub(crate) fn remove(&self) -> Result<()> {
        for path in self.unique() {
            let mut tries = 0;
            while let Err(error) = remove_groups(path, DEPTH) {
                tries += 1;
                if tries == TRIES {
                    return Err(Error::io("remove the control group", path, error));
                }
                sleep(PAUSE);
            }
        }
        Ok(())
    }
}

fn name(id: &EnvironmentId) -> String {
    format!("isolation-{id}")
}

fn collect(group: &Path, depth: u32, found: &mut BTreeSet<i32>) {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process outside the PID namespace of this process.
    let pids = text.lines().filter_map(|line| line.parse::<i32>().ok());
    found.extend(pids.filter(|pid| *pid > 0));
    if depth > 0 {
        groups_below(group).for_each(|below| collect(&below, depth - 1, found));
    }
}

fn remove_groups(group: &Path, depth: u32) -> io::Result<()> {
    if depth > 0 {
        groups_below(group).try_for_each(|below| remove_groups(&below, depth - 1))?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn groups_below(group: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.map(|entry| entry.path())
}

#[cfg(test)]
mod tests;
