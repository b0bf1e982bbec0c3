//! The group to which an environment belongs.

use serde::{Deserialize, Serialize};

/// The group to which an environment belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The name of the group.
    pub group: String,
    /// The name of the service.
    pub service: String,
    /// The length of the longest chain of its dependencies. The group stops in reverse order.
    #[serde(default)]
    pub rank: u32,
}
