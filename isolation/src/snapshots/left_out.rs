//! What belongs to an environment, but not to its snapshot.

use serde::{Deserialize, Serialize};

/// What belongs to an environment, but not to its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The subject: files, values, connections.
    pub what: String,
    /// Why it is left out.
    pub why: String,
}

impl LeftOut {
    /// Something that is left out.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }

    /// The files of a file system in memory that is mounted at this path.
    pub(crate) fn in_memory(path: &str) -> Self {
        Self::new(
            format!("the files in memory at {}", path.trim_end_matches('/')),
            "they are gone at each end of the environment",
        )
    }

    /// A socket at this path.
    pub(crate) fn socket(path: impl std::fmt::Display) -> Self {
        Self::new(format!("the socket {path}"), "a socket ends with its process")
    }
}
