//! The source of the files of a new environment.

use crate::BoxFuture;
use crate::engine::forks::ForkPoint;
use crate::engine::instance::Instance;
use crate::engine::{Ahead, Engine, NewEnvironment};
use crate::error::Result;
#[cfg(unix)]
use crate::snapshots::SavedState;
use crate::spec::EnvironmentSpec;

/// The source of the files of a new environment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// From its image, if the engine has images.
    New,
    /// From a snapshot.
    #[cfg(unix)]
    Saved(&'a SavedState),
    /// From another environment.
    Fork(&'a ForkPoint),
}

impl<'a> Origin<'a> {
    /// The facts that the engine finds out before the creation.
    pub(super) async fn look_ahead(self, engine: &dyn Engine, spec: &EnvironmentSpec) -> Option<Ahead> {
        match self {
            Self::New => engine.look_ahead(spec).await,
            // Its image is another one.
            _ => None,
        }
    }

    /// Creates the environment.
    pub(super) fn create(
        self,
        engine: &'a dyn Engine,
        new: NewEnvironment<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        match self {
            Self::New => engine.create(new),
            #[cfg(unix)]
            Self::Saved(state) => engine.restore(new, state),
            Self::Fork(point) => engine.fork(new, point),
        }
    }
}
