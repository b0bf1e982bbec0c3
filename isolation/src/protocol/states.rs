//! The parameters and results of forks, snapshots and reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Opened;
use crate::diagnose::{Platforms, ProgramFile};
use crate::engine::instance::Findings;
use crate::spec::lifetime::Lifetime;
use crate::spec::variables::Variables;

/// Forks of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Fork {
    /// The environment.
    pub(crate) environment: String,
    /// How many.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// The beginning of their names, which end with a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// How long they live.
    #[serde(default)]
    pub(crate) lifetime: Lifetime,
}

fn one() -> usize {
    1
}

/// New environments.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Forked {
    /// The environments.
    pub(crate) environments: Vec<Opened>,
}

/// A state of an environment from which others can be created, until it is released.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    /// Its number.
    pub(crate) point: u64,
}

/// A snapshot of an environment, in the store of this user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TakeSnapshot {
    /// The environment.
    pub(crate) environment: String,
    /// The name of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whether every file is read, also if an earlier snapshot exists.
    #[serde(default)]
    pub(crate) full: bool,
    /// Whether compiled Python code belongs to it.
    #[serde(default)]
    pub(crate) bytecode: bool,
    /// Whether the installed packages are listed.
    #[serde(default)]
    pub(crate) packages: bool,
}

/// A snapshot that becomes a new environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    /// Its ID, a unique beginning of the ID, or its name.
    pub(crate) snapshot: String,
    /// The engine; without one, that of the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// The name of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// How long the environment lives.
    #[serde(default)]
    pub(crate) lifetime: Lifetime,
    /// Values of variables: a snapshot has only their names.
    #[serde(default)]
    pub(crate) env: Variables,
    /// Whether an imported snapshot may mount directories of this machine.
    #[serde(default)]
    pub(crate) trust: bool,
}

/// A snapshot of the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OfSnapshot {
    /// Its ID, a unique beginning of the ID, or its name.
    pub(crate) snapshot: String,
}

/// A snapshot.
#[cfg(any(unix, feature = "schema"))]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SnapshotText {
    /// Its ID.
    pub(crate) id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The engine of the environment.
    pub(crate) engine: String,
    /// The ID of the environment.
    pub(crate) environment: String,
    /// The size of the files, in bytes.
    pub(crate) size: u64,
    /// The parts of the environment that do not belong to the snapshot, each with the reason.
    #[serde(default)]
    pub(crate) left_out: Vec<String>,
}

/// The snapshots of the store.
#[cfg(any(unix, feature = "schema"))]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Snapshots {
    /// Those that can be read, oldest first.
    pub(crate) snapshots: Vec<SnapshotText>,
    /// The IDs of those that are damaged.
    #[serde(default)]
    pub(crate) damaged: Vec<String>,
}

/// An environment with the files of a snapshot.
#[cfg(any(unix, feature = "schema"))]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Restored {
    /// The environment.
    pub(crate) environment: Opened,
    /// The variables that have no value.
    #[serde(default)]
    pub(crate) missing_variables: Vec<String>,
    /// The features that another engine than that of the snapshot lacks, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost: Vec<String>,
}

/// A failure in an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Explain {
    /// The environment.
    pub(crate) environment: String,
    /// The program that could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<String>,
}

/// The facts about a failure that an engine knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub(crate) struct Explained {
    /// The platforms of the image and of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platforms: Option<Platforms>,
    /// The file of the program that could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<ProgramFile>,
    /// The reason that the engine itself reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Whether the kernel has killed a process at the memory limit since the start.
    pub(crate) out_of_memory: bool,
    /// Descriptions for people, by their names, without secrets.
    pub(crate) documents: BTreeMap<String, Value>,
}

impl From<Explained> for Findings {
    fn from(found: Explained) -> Self {
        Self {
            platforms: found.platforms,
            program: found.program,
            error: found.error,
            out_of_memory: found.out_of_memory,
        }
    }
}
