//! The progress of the pull of an image.

use serde::{Deserialize, Serialize};

/// The progress of the pull of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct PullProgress {
    /// The share of the work that is done, in percent. It never decreases, and is 100 only at the
    /// end. It is estimated, because a daemon reports the sizes of layers late, or not at all.
    pub percent: u8,
    /// The number of bytes downloaded so far.
    pub downloaded: u64,
    /// The number of bytes to download, of the layers whose size is known so far.
    pub total: u64,
    /// The number of layers that are complete.
    pub layers_done: usize,
    /// The number of layers, as far as known.
    pub layers: usize,
    /// The current step: `Downloading`, `Extracting` …; empty at the start and at the end.
    pub status: String,
    /// Whether the pull is complete.
    pub done: bool,
}
