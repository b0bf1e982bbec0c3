//! The topology of a cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A location in a cluster: domains and the segment of each. Definition `Topology`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Topology {
    /// The segments by domain: `zone` to `z1`.
    pub segments: BTreeMap<String, String>,
}
