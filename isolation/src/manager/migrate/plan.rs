//! The plan of a migration: what moves, what is installed again, what is lost.

use serde::Serialize;

use crate::snapshots::LeftOut;

/// The plan of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MigrationPlan {
    /// Where the environment is.
    pub from: Place,
    /// Where it is to be.
    pub to: Place,
    /// The parts that move.
    pub moves: Vec<Moved>,
    /// Packages that are installed again, because their files would not run there.
    pub reinstalled: Vec<Reinstalled>,
    /// The parts that are decided only when the image is there: a plan pulls no image.
    pub undecided: Vec<LeftOut>,
    /// Losses without which programs may run.
    pub lost: Vec<LeftOut>,
    /// Losses of what programs need: with something here, nothing is migrated unless
    /// [`MigrateOptions::accept_losses`](crate::MigrateOptions::accept_losses) is set.
    pub blocked: Vec<LeftOut>,
    /// The changes that would make the migration carry more, such as an image with the same Python.
    pub hints: Vec<String>,
}

/// An engine, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The name of the engine.
    pub engine: String,
    /// The address of its daemon, or its directory, if that is known.
    pub address: Option<String>,
    /// The image of the environment.
    pub image: Option<String>,
    /// Whether the image is not there yet, and is pulled from its registry.
    pub pulls: bool,
}

/// A part that moves in a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Moved {
    /// The subject: a directory, a volume, a virtual environment.
    pub what: String,
    /// Where it is afterwards.
    pub to: String,
}

impl Moved {
    pub(super) fn new(what: impl Into<String>, to: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            to: to.into(),
        }
    }
}

/// A package that is installed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reinstalled {
    /// The package in the form of its package manager: `numpy==1.26.4`.
    pub package: String,
    /// Why its files do not move.
    pub why: String,
}
