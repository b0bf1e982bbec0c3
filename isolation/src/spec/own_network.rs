//! A network that is created for an environment, or for a group.

use serde::{Deserialize, Serialize};

use super::subnet::Subnet;

/// A network that is created for an environment or a group, and removed with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct OwnNetwork {
    /// The name on the engine; by default, the engine chooses a unique one. A network that exists
    /// with this name is an error.
    #[serde(skip_serializing_if = "super::is_default")]
    pub name: Option<String>,
    /// The addresses of the network. By default a free part of the subnet that the engine prefers.
    #[serde(skip_serializing_if = "super::is_default")]
    pub subnet: Option<Subnet>,
    /// Whether nothing outside of it can be reached.
    #[serde(skip_serializing_if = "super::is_default")]
    pub internal: bool,
    /// Whether it has IPv6 addresses, too.
    #[serde(skip_serializing_if = "super::is_default")]
    pub ipv6: bool,
}
