//! The trait of isolation engines.

pub(crate) mod capabilities;

use std::fmt;

use serde::Serialize;

use crate::BoxFuture;
use crate::engine::capabilities::Capabilities;
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::Result;
use crate::spec::EnvironmentSpec;

/// An isolation engine: creates environments from directories and processes, from containers …
///
/// The feature `conformance` adds checks of the behaviour that every engine must have.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The name under which the engine is registered: one word in lower case.
    fn name(&self) -> &str;

    /// The features that the engine supports, as far as known without a request. An engine whose
    /// features depend on the machine knows them after [`availability`](Self::availability).
    fn capabilities(&self) -> Capabilities;

    /// Whether the engine can be used here and now; if not, the reason and a hint.
    fn availability(&self) -> BoxFuture<'_, Availability>;

    /// Creates an environment, with its copies, that is not active yet. It checks the specification
    /// and the required features before any work. It leaves nothing behind if it fails or if its
    /// future is dropped.
    fn create(&self, spec: EnvironmentSpec) -> BoxFuture<'_, Result<Box<dyn Environment>>>;

    /// The environments of this project on the engine, created by any process.
    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>>;

    /// Destroys an environment of [`list`](Self::list), created by any process. If it does not
    /// exist, the error has the kind [`NotFound`](crate::ErrorKind::NotFound).
    fn destroy<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<()>>;
}

/// Whether an engine can be used here and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// The engine can be used.
    Available {
        /// What the engine uses: a version, an address.
        detail: String,
    },
    /// The engine cannot be used.
    Unavailable {
        /// The reason.
        reason: String,
        /// What a person can do.
        hint: String,
    },
}

impl Availability {
    /// Whether the engine can be used.
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Available { .. })
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available { detail } => write!(f, "available: {detail}"),
            Self::Unavailable { reason, hint } => write!(f, "not available: {reason}; {hint}"),
        }
    }
}
