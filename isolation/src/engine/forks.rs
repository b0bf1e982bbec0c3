//! For authors of engines: environments that can be forked.

use std::any::Any;
use std::fmt;

use crate::BoxFuture;
use crate::error::Result;

/// The facet of environments that can be forked.
pub trait Forks: Send + Sync {
    /// A state of it from which [`Engine::fork`](crate::Engine::fork) creates environments: fast,
    /// and only for this engine. The environment may run.
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>>;
}

/// The state of an environment at one time. Dropping it removes all data that no fork needs.
pub struct ForkPoint {
    state: Box<dyn Any + Send + Sync>,
    is_lasting: bool,
}

impl ForkPoint {
    /// A fork point with the data of an engine. It stays as it is when the environment changes or
    /// ends.
    pub fn new(state: impl Any + Send + Sync) -> Self {
        Self {
            state: Box::new(state),
            is_lasting: true,
        }
    }

    /// The same, if the environment itself or a part of it is the state: its forks are made before
    /// it changes.
    #[must_use]
    pub fn of_original(mut self) -> Self {
        self.is_lasting = false;
        self
    }

    /// Whether it stays as it is when the environment changes or ends.
    pub fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    /// The data, if the same engine has created it.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.state.downcast_ref()
    }
}

impl fmt::Debug for ForkPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForkPoint")
    }
}
