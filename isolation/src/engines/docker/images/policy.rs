//! When an image is pulled.

use serde::{Deserialize, Serialize};

/// When an image is pulled from its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// If the daemon does not have it. In JSON: `"missing"`.
    #[default]
    #[serde(rename = "missing")]
    IfMissing,
    /// Every time, so that a tag that has moved is updated.
    Always,
    /// Never; a missing image is an error.
    Never,
}
