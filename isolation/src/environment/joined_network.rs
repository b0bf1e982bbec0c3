//! A network that an environment has joined.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A network that an environment has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct JoinedNetwork {
    /// The name of the network on the engine.
    pub network: String,
    /// The addresses of the environment on it; empty while it does not run.
    pub addresses: Vec<IpAddr>,
    /// The gateway to other networks, if there is one.
    pub gateway: Option<IpAddr>,
    /// The names of the environment on it.
    pub aliases: Vec<String>,
}

impl JoinedNetwork {
    /// For authors of engines: a network without addresses and aliases.
    pub fn new(network: impl Into<String>) -> Self {
        Self {
            network: network.into(),
            addresses: Vec::new(),
            gateway: None,
            aliases: Vec::new(),
        }
    }
}
