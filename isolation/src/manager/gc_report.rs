//! The result of a collection.

use std::path::PathBuf;

use serde::Serialize;

use crate::environment::id::EnvironmentId;
use crate::error::Error;

/// The result of [`Manager::gc`](crate::Manager::gc).
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct GcReport {
    /// Environments that were removed.
    pub removed: Vec<GcEntry>,
    /// Environments that no longer existed; their journal entries were removed.
    pub gone: Vec<GcEntry>,
    /// Environments that could not be removed; their journal entries stay.
    pub failed: Vec<GcFailure>,
    /// Environments that a killed process had paused while it read their files; they were resumed.
    pub resumed: Vec<GcEntry>,
    /// Directories with files of interrupted migrations, which were removed.
    pub directories: Vec<PathBuf>,
    /// Images of forks and restored snapshots that were removed: others used them when their last
    /// environment was removed, and do not use them any more.
    pub images: Vec<GcImage>,
    /// Images of forks and restored snapshots that others still use. They stay for the next time.
    pub used_images: Vec<GcImage>,
}

/// An image with the state of an environment that does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GcImage {
    /// The name.
    pub name: String,
    /// The name of the engine.
    pub engine: String,
    /// The address of the engine.
    pub address: String,
}

/// An environment of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GcEntry {
    /// The ID.
    pub id: EnvironmentId,
    /// The name.
    pub name: String,
    /// The name of the engine.
    pub engine: String,
    /// The address of the engine.
    pub address: String,
    /// The PID of the process that created it.
    pub pid: u32,
}

/// An environment that could not be removed.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct GcFailure {
    /// The ID.
    pub id: EnvironmentId,
    /// The name; empty if the journal entry is damaged.
    pub name: String,
    /// The reason.
    pub error: Error,
}
