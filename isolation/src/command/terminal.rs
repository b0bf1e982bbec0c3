//! The terminal of a command.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The size of a terminal, in characters; by default 24 rows of 80 columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TerminalSize {
    /// The number of rows.
    pub rows: u16,
    /// The number of columns.
    pub columns: u16,
}

impl Default for TerminalSize {
    fn default() -> Self {
        Self {
            rows: 24,
            columns: 80,
        }
    }
}

impl TerminalSize {
    pub(super) fn check(self) -> Result<()> {
        match self.rows > 0 && self.columns > 0 {
            true => Ok(()),
            false => Err(Error::invalid(
                "a terminal needs at least one row and one column; the default is 24 rows of 80 columns",
            )),
        }
    }
}
