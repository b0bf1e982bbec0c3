//! The network of an environment.

use serde::{Deserialize, Serialize};

use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;

/// The network of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSpec {
    /// Which network it has.
    pub mode: NetworkMode,
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
    /// An existing network of the engine.
    Named(String),
}

impl NetworkSpec {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let NetworkMode::Named(name) = &self.mode {
            faults.add(validate::text("the name of the network", name));
        }
    }

    pub(super) fn required_features(&self) -> Option<Feature> {
        match self.mode {
            NetworkMode::Default => None,
            NetworkMode::None => Some(Feature::NetworkIsolation),
            NetworkMode::Named(_) => Some(Feature::Networks),
        }
    }
}
