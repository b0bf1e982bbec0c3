//! How long an environment lives.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long an environment lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifetime {
    /// At most as long as the process that created it: dropping the handles destroys it, and so
    /// does the manager's shutdown. [`Environment::keep`](crate::Environment::keep) changes that.
    #[default]
    Owner,
    /// Until somebody destroys it. Only an environment whose creation or start fails is removed.
    Kept,
    /// Until its last use ends. Processes of one user with the same specification share one
    /// environment; the last one that drops its handle, or ends in any way, removes it. See
    /// [`Manager::shared`](crate::Manager::shared).
    Shared,
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Kept => "kept",
            Self::Shared => "shared",
        })
    }
}
