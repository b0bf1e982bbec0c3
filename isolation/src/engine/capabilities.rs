//! The features that an engine supports, known before any work starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::values::CapabilityValues;

/// A feature that some engines support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// Start from an image.
    Images,
    /// Build an image.
    ImageBuilds,
    /// Limit the memory of the environment.
    MemoryLimit,
    /// Limit its CPU time.
    CpuLimit,
    /// Limit memory and swap together.
    SwapLimit,
    /// Choose the CPUs on which it runs.
    CpuSet,
    /// Limit its number of processes.
    PidsLimit,
    /// Limit the size of its files.
    DiskLimit,
    /// Set the size of its shared memory.
    SharedMemorySize,
    /// Limit single processes (ulimits).
    Ulimits,
    /// Limit reads and writes of block devices.
    BlockIoLimits,
    /// Change its limits while it exists.
    LimitUpdates,
    /// Bind-mount files and directories of the host.
    Mounts,
    /// Mount volumes of the engine.
    Volumes,
    /// Mount temporary file systems.
    Tmpfs,
    /// Mount read-only.
    ReadOnlyMounts,
    /// Have its own network, separate from the host's, or no network.
    NetworkIsolation,
    /// Use an existing network of the engine.
    Networks,
    /// Publish ports of the environment, so that they can be reached from outside.
    Ports,
    /// Run as another user.
    Users,
    /// A root file system that is read-only.
    ReadOnlyRoot,
    /// Give processes more kernel capabilities.
    KernelCapabilities,
    /// Restrict more, or allow more, than the standard security profile.
    SecurityOptions,
    /// Run a main process from start to stop.
    MainProcess,
    /// Pause all its processes.
    Pause,
    /// Rename it.
    Rename,
    /// List its processes.
    Processes,
    /// Read the output of the main process.
    Logs,
    /// Measure the use of CPU, memory and other resources.
    Metrics,
    /// Run commands.
    Commands,
    /// Copy files and directories into the environment.
    CopyIn,
    /// Copy files and directories out of it.
    CopyOut,
    /// Write to the standard input of commands.
    Stdin,
    /// Run commands on a terminal.
    Tty,
    /// Recreate it from its specification, with the same ID and name.
    Recreation,
    /// Save its state and restore it later.
    Snapshots,
}

impl Feature {
    /// Every feature, in the order of tables.
    pub const ALL: [Self; 36] = [
        Self::Images,
        Self::ImageBuilds,
        Self::MemoryLimit,
        Self::CpuLimit,
        Self::SwapLimit,
        Self::CpuSet,
        Self::PidsLimit,
        Self::DiskLimit,
        Self::SharedMemorySize,
        Self::Ulimits,
        Self::BlockIoLimits,
        Self::LimitUpdates,
        Self::Mounts,
        Self::Volumes,
        Self::Tmpfs,
        Self::ReadOnlyMounts,
        Self::NetworkIsolation,
        Self::Networks,
        Self::Ports,
        Self::Users,
        Self::ReadOnlyRoot,
        Self::KernelCapabilities,
        Self::SecurityOptions,
        Self::MainProcess,
        Self::Pause,
        Self::Rename,
        Self::Processes,
        Self::Logs,
        Self::Metrics,
        Self::Commands,
        Self::CopyIn,
        Self::CopyOut,
        Self::Stdin,
        Self::Tty,
        Self::Recreation,
        Self::Snapshots,
    ];
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::ImageBuilds => "builds of images",
            Self::MemoryLimit => "memory limit",
            Self::CpuLimit => "CPU limit",
            Self::SwapLimit => "swap limit",
            Self::CpuSet => "CPU set",
            Self::PidsLimit => "process limit",
            Self::DiskLimit => "disk limit",
            Self::SharedMemorySize => "size of shared memory",
            Self::Ulimits => "ulimits",
            Self::BlockIoLimits => "block I/O limits",
            Self::LimitUpdates => "updates of limits",
            Self::Mounts => "mounts",
            Self::Volumes => "volumes",
            Self::Tmpfs => "tmpfs mounts",
            Self::ReadOnlyMounts => "read-only mounts",
            Self::NetworkIsolation => "network isolation",
            Self::Networks => "named networks",
            Self::Ports => "published ports",
            Self::Users => "users",
            Self::ReadOnlyRoot => "read-only root",
            Self::KernelCapabilities => "kernel capabilities",
            Self::SecurityOptions => "security options",
            Self::MainProcess => "main process",
            Self::Pause => "pausing",
            Self::Rename => "renaming",
            Self::Processes => "list of processes",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Commands => "commands",
            Self::CopyIn => "copying in",
            Self::CopyOut => "copying out",
            Self::Stdin => "standard input",
            Self::Tty => "terminals",
            Self::Recreation => "recreation",
            Self::Snapshots => "snapshots",
        })
    }
}

/// The isolation of an environment from the machine, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IsolationLevel {
    /// A process of the machine with its own directory and environment variables. It sees the
    /// machine's files, processes and network: this separates tests, but it does not contain
    /// hostile code.
    Process,
    /// A container: its own files, processes and network, on the machine's kernel.
    Container,
    /// A virtual machine.
    VirtualMachine,
}

impl fmt::Display for IsolationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Container => "container",
            Self::VirtualMachine => "virtual machine",
        })
    }
}

/// A feature that an engine does not support, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MissingFeature {
    /// The missing feature.
    pub feature: Feature,
    /// Why the engine does not support it.
    pub reason: String,
}

/// An engine that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RejectedEngine {
    /// The name of the engine.
    pub engine: String,
    /// Why it was not chosen, and a hint.
    pub reason: String,
}

impl fmt::Display for RejectedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.engine, self.reason)
    }
}

/// A feature that only one of two engines supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Difference {
    /// The feature.
    pub feature: Feature,
    /// Whether the first engine supports it; otherwise the second one does.
    pub first_has_it: bool,
}

/// The features that an engine supports. A feature that is not added is missing.
///
/// ```
/// use isolation::{Capabilities, Feature, IsolationLevel};
///
/// let engine = Capabilities::new(IsolationLevel::Container)
///     .with([Feature::Images, Feature::Stdin])
///     .without(Feature::CpuLimit, "the kernel has no CFS quota");
/// assert!(engine.has(Feature::Images));
/// assert_eq!(engine.reason(Feature::CpuLimit), Some("the kernel has no CFS quota"));
/// assert_eq!(engine.reason(Feature::Tty), Some("not part of this engine"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capabilities {
    isolation: IsolationLevel,
    features: BTreeSet<Feature>,
    lacking: BTreeMap<Feature, String>,
    #[serde(default)]
    values: CapabilityValues,
}

impl Capabilities {
    /// The capabilities of an engine without any feature.
    pub fn new(isolation: IsolationLevel) -> Self {
        let reason = |feature| (feature, "not part of this engine".to_owned());
        Self {
            isolation,
            features: BTreeSet::new(),
            lacking: Feature::ALL.into_iter().map(reason).collect(),
            values: CapabilityValues::default(),
        }
    }

    /// Adds features.
    #[must_use]
    pub fn with(mut self, features: impl IntoIterator<Item = Feature>) -> Self {
        for feature in features {
            self.lacking.remove(&feature);
            self.features.insert(feature);
        }
        self
    }

    /// Removes a feature and records the reason.
    #[must_use]
    pub fn without(mut self, feature: Feature, reason: impl Into<String>) -> Self {
        self.features.remove(&feature);
        self.lacking.insert(feature, reason.into());
        self
    }

    /// Sets the values of the engine.
    #[must_use]
    pub fn with_values(mut self, values: CapabilityValues) -> Self {
        self.values = values;
        self
    }

    /// The values of the engine, such as its memory.
    pub fn values(&self) -> &CapabilityValues {
        &self.values
    }

    /// The isolation of environments from the machine.
    pub fn isolation(&self) -> IsolationLevel {
        self.isolation
    }

    /// Whether the engine supports the feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Why the engine does not support the feature; `None` if it does.
    pub fn reason(&self, feature: Feature) -> Option<&str> {
        self.lacking.get(&feature).map(String::as_str)
    }

    /// Those of these features that are missing. Use it for example with
    /// [`EnvironmentSpec::required_features`](crate::EnvironmentSpec::required_features).
    pub fn missing(&self, required: &BTreeSet<Feature>) -> Vec<MissingFeature> {
        let missing = |feature: &Feature| {
            let reason = self.reason(*feature)?.to_owned();
            Some(MissingFeature {
                feature: *feature,
                reason,
            })
        };
        required.iter().filter_map(missing).collect()
    }

    /// The features that only one of two engines supports.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let differs = |feature: &Feature| self.has(*feature) != other.has(*feature);
        let difference = |feature| Difference {
            feature,
            first_has_it: self.has(feature),
        };
        Feature::ALL.into_iter().filter(differs).map(difference).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_feature_always_has_a_reason() {
        let some = Capabilities::new(IsolationLevel::Process)
            .with([Feature::Stdin, Feature::Tty])
            .without(Feature::Tty, "taken back");
        for feature in Feature::ALL {
            assert_eq!(some.has(feature), some.reason(feature).is_none(), "{feature}");
        }
        assert_eq!(some.reason(Feature::Tty), Some("taken back"));
    }

    #[test]
    fn differences_list_features_of_one_engine() {
        let first = Capabilities::new(IsolationLevel::Process).with([Feature::Stdin, Feature::CopyIn]);
        let second = Capabilities::new(IsolationLevel::Container).with([Feature::Stdin, Feature::Images]);
        let shown: Vec<_> = first
            .differences(&second)
            .iter()
            .map(|d| (d.feature, d.first_has_it))
            .collect();
        assert_eq!(shown, [(Feature::Images, false), (Feature::CopyIn, true)]);
        assert!(first.isolation() < second.isolation());
    }
}
