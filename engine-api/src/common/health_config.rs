//! The configuration of a health check.

use serde::{Deserialize, Serialize};

use super::StringList;
use crate::version::Version;
use crate::wire::requirement::Requirement;

/// The health check of a container. Definition `HealthConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthConfig {
    /// The check: `["CMD", args…]`, `["CMD-SHELL", line]` or `["NONE"]`; empty is the image's.
    pub test: StringList,
    /// Nanoseconds between two checks, at least a million; 0 is the image's.
    pub interval: i64,
    /// Timeout of a check in nanoseconds, at least a million; 0 is the image's.
    pub timeout: i64,
    /// Consecutive failures that make a container unhealthy; 0 is the image's.
    pub retries: i64,
    /// Nanoseconds after the start in which failures do not count; 0 is the image's.
    pub start_period: i64,
    /// Nanoseconds between two checks in that period; 0 is the image's. Since API 1.44.
    pub start_interval: i64,
}

impl HealthConfig {
    pub(crate) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let start_interval = self.start_interval != 0;
        Requirement::since(
            start_interval,
            "HealthConfig::start_interval",
            Version::new(1, 44),
        )
        .into_iter()
    }
}
