//! An entry of a list of environments.

use std::time::{SystemTime, UNIX_EPOCH};

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
    /// When it was created, in seconds since 1970, on engines that know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// The exit code of its main process, if that has exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Its ports: `127.0.0.1:8080->80/tcp`, or `80/tcp` for one that is not published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// The environment whose network it has, if it has that of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_of: Option<EnvironmentId>,
}

/// The time now, in seconds since 1970; `None` if the clock is before.
pub(crate) fn now() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}
