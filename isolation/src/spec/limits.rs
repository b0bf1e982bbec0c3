//! Resource limits.

use serde::{Deserialize, Serialize};

use super::units;
use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;
use crate::error::Error;

/// Resource limits of an environment; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceLimits {
    /// Memory, in bytes. In JSON also a text such as `"512m"`.
    #[serde(deserialize_with = "units::size", skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// CPUs; 0.5 is half of one CPU. In JSON also a text such as `"0.5"`.
    #[serde(deserialize_with = "units::number", skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// The size of the files that it writes, in bytes. In JSON also a text such as `"10g"`.
    #[serde(deserialize_with = "units::size", skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

impl ResourceLimits {
    /// These limits, and those of `weaker` where one is missing.
    pub(crate) fn or(&self, weaker: &Self) -> Self {
        Self {
            memory: self.memory.or(weaker.memory),
            cpus: self.cpus.or(weaker.cpus),
            pids: self.pids.or(weaker.pids),
            disk: self.disk.or(weaker.disk),
        }
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        for limit in [self.memory, self.pids, self.disk] {
            faults.add(validate::positive(limit));
        }
        if let Some(cpus) = self.cpus {
            if !cpus.is_finite() || cpus <= 0.0 {
                let why = format!("{cpus} is not a number of CPUs; write 0.5, 1, 2 …");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    /// These limits without those that are the same in `others`.
    pub(crate) fn other_than(&self, others: &Self) -> Self {
        fn other<T: PartialEq>(own: Option<T>, other: &Option<T>) -> Option<T> {
            own.filter(|own| other.as_ref() != Some(own))
        }
        Self {
            memory: other(self.memory, &others.memory),
            cpus: other(self.cpus, &others.cpus),
            pids: other(self.pids, &others.pids),
            disk: other(self.disk, &others.disk),
        }
    }

    /// Removes the limit that needs this feature.
    pub(crate) fn remove(&mut self, feature: Feature) {
        match feature {
            Feature::MemoryLimit => self.memory = None,
            Feature::CpuLimit => self.cpus = None,
            Feature::PidsLimit => self.pids = None,
            Feature::DiskLimit => self.disk = None,
            _ => {}
        }
    }

    pub(crate) fn required_features(&self) -> impl Iterator<Item = Feature> {
        [
            (self.memory.is_some(), Feature::MemoryLimit),
            (self.cpus.is_some(), Feature::CpuLimit),
            (self.pids.is_some(), Feature::PidsLimit),
            (self.disk.is_some(), Feature::DiskLimit),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
    }
}
