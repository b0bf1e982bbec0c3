//! The values of an engine's capabilities, such as the memory of its machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The mechanism that keeps the size of an environment's files within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiskLimitKind {
    /// The storage rejects a write above the limit.
    Enforced,
    /// Each process that has started or opened an environment measures the size periodically, and
    /// stops the environment if it is above the limit.
    Supervised,
}

impl fmt::Display for DiskLimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforced => "enforced",
            Self::Supervised => "supervised",
        })
    }
}

/// How the resource usage of an environment is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetricsKind {
    /// The kernel counts for the environment, ended processes included.
    Exact,
    /// The values are sums over the processes that run. The CPU time of an ended process is counted
    /// if a process of the environment waited for it, or if an earlier sample has seen it.
    Approximate,
}

impl fmt::Display for MetricsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
        })
    }
}

/// The values of an engine on its machine. An unknown value is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CapabilityValues {
    /// The memory of its machine, in bytes: the largest memory limit that has an effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The CPUs of its machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// The package managers for which an environment can have its own packages. In a container, the
    /// image decides which of them exist.
    pub package_managers: Vec<String>,
    /// The networks that an environment can have: those of [`NetworkMode`](crate::NetworkMode), or
    /// `host` for the network of this machine, or `bridge` for access to the internet without that
    /// of this machine. On an engine without the feature [`Networks`](crate::Feature::Networks) that
    /// has `private` and `environment`, private networks of the members of a group are one network,
    /// on which they reach each other by their aliases.
    pub network_modes: Vec<String>,
    /// How a disk limit is kept. It is unknown if the engine finds it out for an environment; the
    /// state of the environment then shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_limit: Option<DiskLimitKind>,
    /// How metrics are measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsKind>,
}

impl CapabilityValues {
    /// The values of this machine, for engines that run on it.
    pub(crate) fn of_this_machine() -> Self {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kibibytes = total.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        let cpus = std::thread::available_parallelism().ok();
        Self {
            memory: kibibytes.map(|number| number * 1024),
            cpus: cpus.and_then(|number| u64::try_from(number.get()).ok()),
            ..Self::default()
        }
    }

    /// With these package managers and networks.
    #[must_use]
    pub(crate) fn with(mut self, package_managers: &[&str], network_modes: &[&str]) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        self.package_managers = owned(package_managers);
        self.network_modes = owned(network_modes);
        self
    }

    /// With disk limits that are supervised.
    #[must_use]
    pub(crate) fn with_supervised_disk(mut self) -> Self {
        self.disk_limit = Some(DiskLimitKind::Supervised);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_a_disk_limit_is_printed_as_in_json() {
        for kind in [DiskLimitKind::Enforced, DiskLimitKind::Supervised] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
    }
}
