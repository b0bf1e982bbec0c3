//! Resources of nodes and tasks.

use serde::{Deserialize, Serialize};

/// Resources that a node has or a task needs. Definition `ResourceObject`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Resources {
    /// Processor time in billionths of a processor.
    #[serde(rename = "NanoCPUs")]
    pub nano_cpus: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Other resources, such as GPUs.
    pub generic_resources: Vec<GenericResource>,
}

/// A platform that a node can run. Definition `Platform`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Platform {
    /// The architecture: `x86_64`.
    pub architecture: String,
    /// The operating system: `linux`.
    #[serde(rename = "OS")]
    pub os: String,
}

/// A user-defined resource of a node or a task. Definition `GenericResources`.
///
/// One of the two fields is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GenericResource {
    /// A resource with a name: `GPU=UUID1`.
    pub named_resource_spec: Option<NamedResource>,
    /// A number of equal resources: `SSD=3`.
    pub discrete_resource_spec: Option<DiscreteResource>,
}

/// A resource with a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NamedResource {
    /// The kind: `GPU`.
    pub kind: String,
    /// The name: `UUID1`.
    pub value: String,
}

/// A resource that is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DiscreteResource {
    /// The kind: `SSD`.
    pub kind: String,
    /// How many.
    pub value: i64,
}
