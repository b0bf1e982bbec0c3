//! A plan with everything that its execution needs.

use super::plan::MigrationPlan;
use super::python::PythonWork;
use super::tree::Side;
use crate::error::Error;
use crate::manager::registry::Selection;
use crate::spec::EnvironmentSpec;

/// A plan with everything that its execution needs.
pub(super) struct Prepared {
    pub(super) plan: MigrationPlan,
    pub(super) selection: Selection,
    pub(super) spec: EnvironmentSpec,
    pub(super) work: Work,
}

pub(super) enum Work {
    /// Between two daemons of one engine.
    Everything,
    /// Between two engines.
    Directory(Box<Directories>),
}

/// The directories between which files move.
pub(super) struct Directories {
    pub(super) from: Side,
    pub(super) to: Side,
    pub(super) python: Option<PythonWork>,
}

impl Prepared {
    /// The error for an engine on which the environment is already.
    pub(super) fn nothing_to_do(engine: &str) -> Error {
        Error::invalid(format!(
            "it is on the engine {engine} already; fork it, or name another daemon"
        ))
    }
}
