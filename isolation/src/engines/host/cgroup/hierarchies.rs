//! The hierarchies of control groups in which this process is.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::engine::capabilities::{Capabilities, Feature};
use crate::engines::host::mounts::unescaped;
use crate::error::{Error, Result};

/// The layout of the hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Version {
    /// Version 1: one for each controller or set of controllers.
    Separate,
    /// Version 2: one for all.
    Unified,
}

/// A controller that this crate uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Controller {
    Memory,
    Cpu,
    /// The CPU time in version 1; in version 2 every group reports it.
    Cpuacct,
    Cpuset,
    Pids,
}

impl Controller {
    const ALL: [Self; 5] = [Self::Memory, Self::Cpu, Self::Cpuacct, Self::Cpuset, Self::Pids];

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Pids => "pids",
        }
    }
}

/// The features of a group, and the controllers that each one needs.
pub(super) const FEATURES: [(Feature, &[Controller]); 7] = [
    (Feature::MemoryLimit, &[Controller::Memory]),
    (Feature::SwapLimit, &[Controller::Memory]),
    (Feature::CpuLimit, &[Controller::Cpu]),
    (Feature::CpuSet, &[Controller::Cpuset]),
    (Feature::PidsLimit, &[Controller::Pids]),
    (
        Feature::LimitUpdates,
        &[Controller::Memory, Controller::Cpu, Controller::Pids],
    ),
    (
        Feature::Metrics,
        &[Controller::Memory, Controller::Cpuacct, Controller::Pids],
    ),
];

/// The directories in which groups can be created, or the reason why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchies {
    version: Version,
    parents: Vec<(Controller, std::result::Result<PathBuf, String>)>,
}

impl Hierarchies {
    /// The hierarchies of this process.
    pub(super) fn of_this_process() -> std::result::Result<Self, String> {
        let missing = || "this system has no control groups, which limits need".to_owned();
        let mounts = fs::read("/proc/self/mountinfo").map_err(|_| missing())?;
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|_| missing())?;
        Self::find(&String::from_utf8_lossy(&mounts), &own).ok_or_else(missing)
    }

    /// Version 1 is used if it has any of the controllers, as on systems with both versions.
    pub(super) fn find(mounts: &str, own: &str) -> Option<Self> {
        let mounts: Vec<_> = mounts.lines().filter_map(Mount::parse).collect();
        let separate = |controller: Controller| {
            let mount = mounts.iter().find(|one| one.controls(controller))?;
            Some((controller, mount.directory(&group_of(own, controller.name())?)))
        };
        let found: Vec<_> = Controller::ALL.into_iter().filter_map(separate).collect();
        if found
            .iter()
            .any(|(controller, _)| *controller != Controller::Cpuset)
        {
            let parents = found.into_iter().map(|(one, path)| (one, writable(path)));
            return Some(Self {
                version: Version::Separate,
                parents: parents.collect(),
            });
        }
        let unified = mounts.iter().find(|one| one.unified)?;
        let group = unified.directory(&group_of(own, "")?);
        let parent = match group == unified.point {
            true => group,
            false => group.parent()?.to_owned(),
        };
        let parents = Controller::ALL.map(|one| (one, delegated(&parent, one)));
        Some(Self {
            version: Version::Unified,
            parents: parents.into(),
        })
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The directories in which groups can be created.
    pub(super) fn parents(&self) -> impl Iterator<Item = (Controller, &Path)> {
        self.parents
            .iter()
            .filter_map(|(controller, parent)| Some((*controller, parent.as_deref().ok()?)))
    }

    fn parent(&self, controller: Controller) -> std::result::Result<&Path, String> {
        let found = self.parents.iter().find(|(one, _)| *one == controller);
        match found {
            Some((_, parent)) => parent.as_deref().map_err(Clone::clone),
            None => Err(format!(
                "this system has no control groups for {}",
                controller.name()
            )),
        }
    }

    /// Enables the controllers for groups below the parent, which version 2 requires.
    pub(super) fn enable(&self) -> Result<()> {
        if self.version == Version::Separate {
            return Ok(());
        }
        for (controller, parent) in self.parents().filter(|(one, _)| *one != Controller::Cpuacct) {
            let file = parent.join("cgroup.subtree_control");
            if !lists(&file, controller.name()) {
                let switched = fs::write(&file, format!("+{}", controller.name()));
                switched.map_err(|e| Error::io("switch on a controller in", &file, e))?;
            }
        }
        Ok(())
    }

    /// Adds the features that a group has here, or the reason why one is missing.
    pub(super) fn add_to(&self, capabilities: Capabilities) -> Capabilities {
        FEATURES.iter().fold(capabilities, |all, (feature, controllers)| {
            let needed = controllers.iter().map(|one| self.parent(*one));
            match needed.collect::<std::result::Result<Vec<_>, _>>() {
                Err(why) => all.without(*feature, why),
                Ok(parents) => match self.lacks_file(*feature, parents[0]) {
                    Some(file) => all.without(*feature, format!("the kernel has no {file}")),
                    None => all.with([*feature]),
                },
            }
        })
    }

    /// The file that this kernel does not have, if it is missing. The root group of version 2 has
    /// no such files.
    fn lacks_file(&self, feature: Feature, parent: &Path) -> Option<&'static str> {
        let file = match (feature, self.version) {
            (Feature::SwapLimit, Version::Separate) => "memory.memsw.limit_in_bytes",
            (Feature::CpuLimit, Version::Separate) => "cpu.cfs_quota_us",
            _ => return None,
        };
        (!parent.join(file).exists()).then_some(file)
    }
}

/// A directory, if this user may create groups in it.
fn writable(parent: PathBuf) -> std::result::Result<PathBuf, String> {
    match access(&parent, Access::WRITE_OK) {
        Ok(()) => Ok(parent),
        Err(error) => Err(format!(
            "this user may not create control groups in {}: {}",
            parent.display(),
            std::io::Error::from(error)
        )),
    }
}

/// A directory of version 2, if it has the controller, and this user may create groups in it.
fn delegated(parent: &Path, controller: Controller) -> std::result::Result<PathBuf, String> {
    let parent = writable(parent.to_owned())?;
    // A user can move a process between two groups only with write permission for both groups and
    // their common parent.
    writable(parent.join("cgroup.procs"))?;
    if controller == Controller::Cpuacct || lists(&parent.join("cgroup.subtree_control"), controller.name()) {
        return Ok(parent);
    }
    if !lists(&parent.join("cgroup.controllers"), controller.name()) {
        let (parent, name) = (parent.display(), controller.name());
        return Err(format!("the controller {name} is not delegated to {parent}"));
    }
    writable(parent.join("cgroup.subtree_control"))?;
    Ok(parent)
}

/// Whether a file contains this word.
fn lists(file: &Path, word: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().any(|one| one == word)
}

/// The group of this process for a controller: a line `4:memory:/path`, or `0::/path` of version 2.
fn group_of(own: &str, controller: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers
            .split(',')
            .any(|one| one == controller)
            .then(|| PathBuf::from(path))
    })
}

/// A mounted hierarchy.
#[derive(Debug)]
struct Mount {
    unified: bool,
    controllers: Vec<String>,
    /// The group at the mount point.
    root: PathBuf,
    point: PathBuf,
}

impl Mount {
    /// Reads a line of `mountinfo`.
    fn parse(line: &str) -> Option<Self> {
        let (fields, end) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut end = end.split(' ');
        let (kind, _, options) = (end.next()?, end.next()?, end.next()?);
        let path = |field: &str| {
            let bytes = unescaped(field.as_bytes());
            PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
        };
        ["cgroup", "cgroup2"].contains(&kind).then(|| Self {
            unified: kind == "cgroup2",
            controllers: options.split(',').map(str::to_owned).collect(),
            root: path(root),
            point: path(point),
        })
    }

    fn controls(&self, controller: Controller) -> bool {
        !self.unified && self.controllers.iter().any(|one| one == controller.name())
    }

    /// The directory of a group. In a container, a group above the mount point is the mount point
    /// itself.
    fn directory(&self, group: &Path) -> PathBuf {
        match group.strip_prefix(&self.root) {
            Ok(below) if below.as_os_str().is_empty() => self.point.clone(),
            Ok(below) => self.point.join(below),
            Err(_) => self.point.clone(),
        }
    }
}
