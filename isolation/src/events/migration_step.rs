//! The steps of a migration.

use serde::{Deserialize, Serialize};

/// A step of a migration that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MigrationStep {
    /// The plan is complete.
    Planned,
    /// The files were read.
    Read,
    /// The new environment was created, and has the files.
    Written,
    /// The packages were installed again.
    Installed,
    /// The new environment was tested.
    Tested,
}
