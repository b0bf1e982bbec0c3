//! The network of an environment.

use serde::{Deserialize, Serialize};

use super::published_port::PublishedPort;
use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// The network of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSpec {
    /// Which network it has.
    #[serde(skip_serializing_if = "super::is_default")]
    pub mode: NetworkMode,
    /// The ports that can be reached from outside:
    /// [`Environment::endpoint`](crate::Environment::endpoint).
    #[serde(skip_serializing_if = "super::is_default")]
    pub ports: Vec<PublishedPort>,
    /// More names of the environment on a named network, for other environments on it.
    #[serde(skip_serializing_if = "super::is_default")]
    pub aliases: Vec<String>,
}

/// Which network an environment has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// The engine's default.
    #[default]
    Default,
    /// None: only the environment's own loopback interface.
    None,
    /// A new network that is removed with the environment. Others can join it by its name, which is
    /// the detail `network` of [`Environment::inspect`](crate::Environment::inspect).
    Private,
    /// An existing network of the engine.
    Named(String),
}

impl NetworkSpec {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let NetworkMode::Named(name) = &self.mode {
            faults.add(validate::text("the name of the network", name));
        } else if !self.aliases.is_empty() && self.mode != NetworkMode::Private {
            let why = "aliases need a named or private network; choose one, or remove the aliases";
            faults.add(Err(Error::invalid(why)));
        }
        for alias in &self.aliases {
            faults.add(validate::name(alias).map_err(|_| {
                Error::invalid(format!(
                    "{alias:?} is not an alias on a network; {}",
                    validate::NAME_RULE
                ))
            }));
        }
        if self.mode == NetworkMode::None && !self.ports.is_empty() {
            let why =
                "an environment without a network cannot publish ports; remove them, or give it a network";
            faults.add(Err(Error::invalid(why)));
        }
        for (at, port) in self.ports.iter().enumerate() {
            let same = |other: &PublishedPort| {
                let key = |port: &PublishedPort| (port.address, port.host_port, port.protocol);
                port.host_port.is_some() && key(other) == key(port)
            };
            if self.ports[..at].iter().any(same) {
                let why =
                    format!("two published ports use the same port of the host: {port}; choose another");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    pub(super) fn required_features(&self) -> impl Iterator<Item = Feature> {
        let mode = match self.mode {
            NetworkMode::Default => None,
            NetworkMode::None => Some(Feature::NetworkIsolation),
            NetworkMode::Private | NetworkMode::Named(_) => Some(Feature::Networks),
        };
        let ports = (!self.ports.is_empty()).then_some(Feature::Ports);
        mode.into_iter().chain(ports)
    }
}
