//! What makes environments.

use std::fmt;

use serde::Serialize;

use crate::BoxFuture;
use crate::capabilities::Capabilities;
use crate::environment::{Environment, EnvironmentSummary};
use crate::error::Result;
use crate::id::EnvironmentId;
use crate::spec::EnvironmentSpec;

/// What makes environments: directories and processes, containers, services of a cluster …
///
/// The feature `conformance` brings checks of the behaviour that every engine must show.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The name under which it is registered: lower case, one word.
    fn name(&self) -> &str;

    /// What it can do, as far as is known without asking anyone. An engine whose features depend on the
    /// machine knows them after [`availability`](Self::availability).
    fn capabilities(&self) -> Capabilities;

    /// Whether it can be used here and now; if not, why, and the way out.
    fn availability(&self) -> BoxFuture<'_, Availability>;

    /// Makes an environment, with its copies, that is not active yet. Checks the specification and its
    /// needs before any work, and leaves nothing behind when it fails or its future is dropped.
    fn create(&self, spec: EnvironmentSpec) -> BoxFuture<'_, Result<Box<dyn Environment>>>;

    /// The environments of this project on the engine, whichever process made them.
    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>>;

    /// Destroys an environment of [`list`](Self::list), whichever process made it. One that is not there
    /// is an error of kind [`NotFound`](crate::ErrorKind::NotFound).
    fn destroy<'a>(&'a self, id: &'a EnvironmentId) -> BoxFuture<'a, Result<()>>;
}

/// Whether an engine can be used here and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It can.
    Available {
        /// What answers: a version, an address.
        detail: String,
    },
    /// It cannot.
    Unavailable {
        /// Why not.
        reason: String,
        /// What a person can do about it.
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
