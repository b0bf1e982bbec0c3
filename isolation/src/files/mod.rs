//! Copies: their source, and the rules for files of this machine.

#[cfg(unix)]
pub(crate) mod copy;
#[cfg(unix)]
pub(crate) mod dir;
pub(crate) mod merge;
#[cfg(unix)]
pub(crate) mod remove_tree;
#[cfg(target_os = "linux")]
pub(crate) mod root;
#[cfg(unix)]
pub(crate) mod size;

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::counted::counted;

/// The kind of a file of an environment. A link counts as its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A socket, a pipe or a device.
    Other,
}

/// The source of a copy into an environment.
#[derive(Clone, PartialEq, Eq)]
pub enum CopySource {
    /// A file or directory of the host.
    Path(PathBuf),
    /// A file with this content.
    Bytes {
        /// The content of the file.
        content: Bytes,
        /// The permissions, such as `0o644`.
        mode: u32,
    },
}

impl CopySource {
    /// A file with this content and the permissions `0o644`.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self::Bytes { content, mode: 0o644 }
    }
}

impl fmt::Debug for CopySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Bytes { content, mode } => write!(
                f,
                "Bytes({}, mode {mode:o})",
                counted(content.len(), "byte", "bytes")
            ),
        }
    }
}
