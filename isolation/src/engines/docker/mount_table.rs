//! The mounts of a container, as far as they matter for copies.
//!
//! The daemon copies to and from the files of the image and volumes. It does not see file systems
//! in memory, and it writes through a mount of the host.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::spec::mount::{Mount, MountSource};

/// The paths that every daemon mounts itself.
const OF_THE_DAEMON: [&str; 6] = [
    "/dev",
    "/proc",
    "/sys",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
];

/// The mounts of a container.
#[derive(Debug)]
pub(super) struct MountTable {
    mounts: Vec<(String, Source)>,
    has_own: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Host(PathBuf),
    Volume,
    /// Only the running container has it.
    Memory,
}

/// The side that makes a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The daemon, also while the container does not run.
    Daemon,
    /// A command in the running container.
    Command,
}

impl MountTable {
    pub(super) fn new(mounts: &[Mount]) -> Self {
        let of_the_daemon = OF_THE_DAEMON.map(|target| (target.to_owned(), Source::Memory));
        let own = mounts.iter().map(|mount| {
            let source = match &mount.source {
                MountSource::Host(path) => Source::Host(path.clone()),
                MountSource::Volume(_) => Source::Volume,
                MountSource::Tmpfs { .. } => Source::Memory,
            };
            (normal(&mount.target), source)
        });
        Self {
            mounts: of_the_daemon.into_iter().chain(own).collect(),
            has_own: !mounts.is_empty(),
        }
    }

    /// Whether the specification has mounts: then a link could lead to one.
    pub(super) fn has_own(&self) -> bool {
        self.has_own
    }

    /// The mount that a path is in or at.
    fn around(&self, path: &str) -> Option<&(String, Source)> {
        let around = self.mounts.iter().filter(|(target, _)| is_below(path, target));
        around.max_by_key(|(target, _)| target.len())
    }

    /// The mounts below a path, with their paths from there.
    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Path, &'a Source)> {
        let below = self
            .mounts
            .iter()
            .filter(move |(target, _)| is_below(target, path));
        let below = below.filter_map(move |(target, source)| {
            let rest = target.get(path.trim_end_matches('/').len() + 1..)?;
            Some((Path::new(rest), source))
        });
        below.filter(|(rest, _)| !rest.as_os_str().is_empty())
    }

    /// How to copy to a path.
    ///
    /// # Errors
    ///
    /// If the copy would change files of the host.
    pub(super) fn way_in(&self, target: &str, source: &CopySource) -> Result<Way> {
        let around = self.around(target).map(|(_, source)| source);
        let brings = |(rest, mounted): &(&Path, &Source)| match source {
            CopySource::Path(path) => {
                let path = path.join(rest);
                // The place of a mount in memory exists with the mount.
                let empty = || path.read_dir().is_ok_and(|mut names| names.next().is_none());
                path.symlink_metadata().is_ok() && !(**mounted == Source::Memory && empty())
            }
            CopySource::Bytes { .. } => false,
        };
        let mut way = Way::Daemon;
        let below = self.below(target).filter(brings).map(|(_, source)| source);
        for source in around.into_iter().chain(below) {
            match source {
                Source::Host(path) => return Err(of_the_host(target, path)),
                Source::Memory => way = Way::Command,
                Source::Volume => {}
            }
        }
        Ok(way)
    }

    /// The mount in memory that a path is in or at. Only the running container has its files.
    pub(super) fn memory_around(&self, path: &str) -> Option<&str> {
        let (target, source) = self.around(path)?;
        (*source == Source::Memory).then_some(target)
    }

    /// The mounts in memory below a path, with their paths from there.
    pub(super) fn memory_below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Path> {
        let in_memory = |(_, source): &(&Path, &Source)| **source == Source::Memory;
        self.below(path).filter(in_memory).map(|(rest, _)| rest)
    }

    /// How to copy from a path.
    pub(super) fn way_of_copy_out(&self, source: &str) -> Way {
        let around = self.around(source).map(|(_, source)| source);
        // Of everything, the daemon copies what is on disk, as `docker cp` does.
        let below = self
            .below(source)
            .map(|(_, source)| source)
            .filter(|_| source != "/");
        match around
            .into_iter()
            .chain(below)
            .any(|source| *source == Source::Memory)
        {
            true => Way::Command,
            false => Way::Daemon,
        }
    }
}

fn of_the_host(target: &str, path: &Path) -> Error {
    Error::invalid(format!(
        "{target} is a place of the host: {} is mounted there; copy to that path on the host",
        path.display()
    ))
}

fn normal(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    format!("/{}", parts.join("/"))
}

/// Whether a path is at or below another one.
fn is_below(path: &str, top: &str) -> bool {
    Path::new(path).starts_with(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> MountTable {
        let tmpfs = Mount {
            source: MountSource::Tmpfs { size: None },
            target: "/run//mem/".to_owned(),
            read_only: false,
            subpath: None,
        };
        let volume = Mount {
            source: MountSource::Volume("v".to_owned()),
            target: "/run/mem/volume".to_owned(),
            read_only: false,
            subpath: None,
        };
        MountTable::new(&[tmpfs, volume, Mount::host("/home/me", "/src")])
    }

    #[test]
    fn copies_to_mounts_are_made_inside_or_refused() {
        let table = table();
        let bytes = CopySource::bytes("x");
        for (target, expected) in [
            ("/work/file", Way::Daemon),
            ("/device", Way::Daemon),
            ("/dev/shm/x", Way::Command),
            ("/etc/hosts", Way::Command),
            ("/etc/hosts.allow", Way::Daemon),
            ("/run/mem/x", Way::Command),
            ("/run/mem/volume/x", Way::Daemon),
        ] {
            assert_eq!(table.way_in(target, &bytes).unwrap(), expected, "{target}");
            assert_eq!(table.way_of_copy_out(target), expected, "{target}");
        }
        assert_eq!(table.memory_around("/run/mem/x"), Some("/run/mem"));
        assert_eq!(table.memory_around("/run/mem/volume/x"), None);
        assert_eq!(table.memory_around("/run"), None);
        assert_eq!(table.memory_below("/run").collect::<Vec<_>>(), [Path::new("mem")]);
        let error = table.way_in("/src/a/b", &bytes).unwrap_err().to_string();
        assert!(error.contains("/home/me"), "{error}");
        assert_eq!(table.way_of_copy_out("/src/a"), Way::Daemon);
        assert_eq!(table.way_of_copy_out("/etc"), Way::Command);
        assert_eq!(table.way_of_copy_out("/"), Way::Daemon);
    }

    #[test]
    fn directory_that_reaches_a_mount_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let source = CopySource::Path(directory.path().to_owned());
        assert_eq!(table().way_in("/", &source).unwrap(), Way::Daemon);
        std::fs::create_dir_all(directory.path().join("run/mem")).unwrap();
        assert_eq!(table().way_in("/", &source).unwrap(), Way::Daemon, "it is empty");
        std::fs::write(directory.path().join("run/mem/file"), "x").unwrap();
        assert_eq!(table().way_in("/", &source).unwrap(), Way::Command);
        std::fs::create_dir(directory.path().join("src")).unwrap();
        assert!(table().way_in("/", &source).is_err());
    }
}
