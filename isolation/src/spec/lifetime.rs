//! The lifetime of an environment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The lifetime of an environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifetime {
    /// At most as long as the process that created it. Dropping the handles or the manager's
    /// shutdown destroys it. [`Environment::keep`](crate::Environment::keep) changes that.
    #[default]
    Owner,
    /// Until an explicit destruction. It is removed automatically only if its creation or start
    /// fails.
    Kept,
    /// Until its last use ends. Processes of one user with the same specification share one
    /// environment. It is removed when the last process drops its handle or exits. See
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
