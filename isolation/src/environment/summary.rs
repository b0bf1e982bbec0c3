//! An entry of a list of environments.

use serde::{Deserialize, Serialize};

use super::id::EnvironmentId;
use super::status::Status;

/// An entry of an engine's list of environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnvironmentSummary {
    /// The ID.
    pub id: EnvironmentId,
    /// The name for people.
    pub name: String,
    /// The name of the engine.
    pub engine: String,
    /// The status.
    pub status: Status,
    /// The image, on engines that use images.
    pub image: Option<String>,
    /// The owner, if the specification names one.
    pub owner: Option<String>,
    /// The session to which it belongs.
    pub session: Option<String>,
}
