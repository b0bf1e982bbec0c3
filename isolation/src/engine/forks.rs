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

    /// Whether the fork point stays as it is when the environment changes or ends.
    fn is_lasting(&self) -> bool {
        true
    }
}

/// The state of an environment at one time. Dropping it removes all data that no fork needs.
pub struct ForkPoint(Box<dyn Any + Send + Sync>);

impl ForkPoint {
    /// A fork point with the data of an engine.
    pub fn new(state: impl Any + Send + Sync) -> Self {
        Self(Box::new(state))
    }

    /// The data, if the same engine has created it.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for ForkPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForkPoint")
    }
}
