//! Mounts: directories of the host, volumes, temporary file systems.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units;
use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::short::{short, short_path};

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The files that are mounted.
    pub source: MountSource,
    /// An absolute path in the environment.
    pub target: String,
    /// Whether the mount is read-only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The directory of a volume that is mounted, in place of the whole volume: a relative path. It
    /// must exist. Needs Docker 26 or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

/// The files of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MountSource {
    /// A file or directory of the host, which must exist; an absolute path.
    Host(
        #[cfg_attr(feature = "schema", schemars(with = "PathBuf"))]
        #[serde(serialize_with = "units::serialize_path")]
        PathBuf,
    ),
    /// A volume of the engine, which must exist.
    Volume(String),
    /// A temporary file system in memory; it is empty after each start.
    Tmpfs {
        /// Its size in bytes; `None` means no limit. In JSON also a text such as `"64m"`.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Size>"))]
        #[serde(
            default,
            deserialize_with = "units::size",
            skip_serializing_if = "Option::is_none"
        )]
        size: Option<u64>,
    },
}

impl Mount {
    /// A writable mount of a file or directory of the host.
    pub fn host(source: impl Into<PathBuf>, target: impl Into<String>) -> Self {
        Self::new(MountSource::Host(source.into()), target)
    }

    /// A writable mount of a volume.
    pub fn volume(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(MountSource::Volume(name.into()), target)
    }

    /// A temporary file system, limited to `size` bytes.
    pub fn tmpfs(target: impl Into<String>, size: Option<u64>) -> Self {
        Self::new(MountSource::Tmpfs { size }, target)
    }

    fn new(source: MountSource, target: impl Into<String>) -> Self {
        Self {
            source,
            target: target.into(),
            read_only: false,
            subpath: None,
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        match &self.source {
            MountSource::Host(path) => {
                faults.add(validate::source("the source of a mount", path));
                if !path.is_absolute() {
                    let why = format!("the source of a mount must be absolute, not {}", path.display());
                    faults.add(Err(Error::invalid(why)));
                }
            }
            // As at the creation of a volume.
            MountSource::Volume(name) => faults.add(validate::label(name).map_err(|_| {
                let rule = validate::LABEL_RULE;
                Error::invalid(format!(
                    "{name:?} is not the name of a volume; {rule}",
                    name = short(name)
                ))
            })),
            MountSource::Tmpfs { size } => faults.add(validate::positive(*size)),
        }
        if let Some(subpath) = &self.subpath {
            faults.add(self.check_subpath(subpath));
        }
        faults.add(validate::text("the target of a mount", &self.target));
        if !self.target.starts_with('/') || self.target.trim_matches('/').is_empty() {
            let why = format!(
                "the target of a mount must be an absolute path below /, not {:?}",
                short_path(&self.target)
            );
            faults.add(Err(Error::invalid(why)));
        }
    }

    fn check_subpath(&self, subpath: &str) -> Result<()> {
        if !matches!(self.source, MountSource::Volume(_)) {
            let why = "only a volume is mounted by a directory in it; remove the subpath";
            return Err(Error::invalid(why));
        }
        validate::text("the subpath of a mount", subpath)?;
        match subpath.starts_with('/') || subpath.split('/').any(|part| part == "..") {
            true => Err(Error::invalid(format!(
                "the subpath of a mount is a relative path in the volume, without .., unlike {subpath:?}"
            ))),
            false => Ok(()),
        }
    }

    pub(super) fn required_features(&self) -> impl Iterator<Item = Feature> {
        let kind = match self.source {
            MountSource::Host(_) => Feature::Mounts,
            MountSource::Volume(_) => Feature::Volumes,
            MountSource::Tmpfs { .. } => Feature::Tmpfs,
        };
        let read_only = self.read_only.then_some(Feature::ReadOnlyMounts);
        [kind].into_iter().chain(read_only)
    }
}
