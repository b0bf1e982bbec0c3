//! The additions of an engine of this machine to an environment.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::error::Result;
use crate::snapshots::LeftOut;

/// The additions of an engine of this machine to an environment.
pub(crate) trait Setup: Debug + Send + Sync {
    /// Environment variables of every command, before those of the specification.
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Checks the requirements of a start.
    fn before_start(&self) -> Result<()> {
        Ok(())
    }

    /// The files of the environment that are not part of its snapshot. This blocks.
    fn left_out(&self) -> Result<Vec<LeftOut>> {
        Ok(Vec::new())
    }

    /// Why a program counts as missing, although this machine may have it.
    fn missing_program(&self, _program: &str, _variables: &BTreeMap<String, String>) -> Option<String> {
        None
    }
}

/// Adds nothing.
#[derive(Debug)]
pub(super) struct Plain;

impl Setup for Plain {}
