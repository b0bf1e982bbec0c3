//! For authors of engines: the parts of an environment that a snapshot can contain.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::left_out::LeftOut;

/// The kind of a part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// The file system of the environment.
    Root,
    /// A volume.
    Volume {
        /// Where it is mounted.
        target: String,
        /// Its name on the engine.
        volume: String,
        /// Whether it is mounted read-only.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read_only: bool,
    },
}

impl PartKind {
    /// The name of the part.
    pub fn name(&self) -> String {
        match self {
            Self::Root => "root".to_owned(),
            Self::Volume { target, .. } => format!("volume:{target}"),
        }
    }
}

/// The parts of an environment that a snapshot contains, and those that are left out.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The file system and the volumes.
    pub parts: Vec<PartKind>,
    /// The parts of the environment that do not belong to the snapshot.
    pub left_out: Vec<LeftOut>,
    /// The engine's name of the place of the files: only a snapshot of the same place can be the
    /// parent of the next one.
    pub source: String,
    /// The version or the address of the engine.
    pub engine_detail: String,
    /// The operating system and the architecture of its programs.
    pub platform: String,
    /// The directory of this machine in which the files are, if they know it.
    pub location: Option<PathBuf>,
    /// The configuration of the image, without variables of the specification.
    pub image: Option<Value>,
}
