//! What an engine of this machine adds to an environment.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::error::Result;
use crate::snapshots::LeftOut;

/// What an engine of this machine adds to an environment.
pub(crate) trait Setup: Debug + Send + Sync {
    /// Environment variables of every command, before those of the specification.
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Checks what a start needs.
    fn before_start(&self) -> Result<()> {
        Ok(())
    }

    /// What belongs to the environment, but not to its snapshot. This blocks.
    fn left_out(&self) -> Result<Vec<LeftOut>> {
        Ok(Vec::new())
    }

    /// Why a program counts as missing although this machine may have it, if it does.
    fn missing_program(&self, _program: &str, _variables: &BTreeMap<String, String>) -> Option<String> {
        None
    }
}

/// Adds nothing.
#[derive(Debug)]
pub(super) struct Plain;

impl Setup for Plain {}
