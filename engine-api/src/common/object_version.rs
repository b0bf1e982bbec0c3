//! The version of an object of a swarm.

use serde::{Deserialize, Serialize};

/// The version of an object of a swarm. Definition `ObjectVersion`.
///
/// An update contains the version that it changes, and fails if there is a newer version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ObjectVersion {
    /// The number of the version.
    pub index: u64,
}
