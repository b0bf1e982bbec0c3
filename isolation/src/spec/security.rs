//! Restrictions of an environment, and exceptions to them.

use serde::{Deserialize, Serialize};

use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;

/// Restrictions of an environment, and exceptions to them. The default is what the engine gives to
/// every environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecuritySpec {
    /// Whether the root file system is read-only; mounts stay writable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only_root: bool,
    /// Kernel capabilities that processes have in addition, such as `NET_RAW`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_capabilities: Vec<String>,
}

impl SecuritySpec {
    pub(super) fn check(&self, faults: &mut Faults) {
        for capability in &self.add_capabilities {
            faults.add(validate::text("the name of a kernel capability", capability));
        }
    }

    pub(super) fn required_features(&self) -> impl Iterator<Item = Feature> {
        [
            (self.read_only_root, Feature::ReadOnlyRoot),
            (!self.add_capabilities.is_empty(), Feature::KernelCapabilities),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
    }
}
