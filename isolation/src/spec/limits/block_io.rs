//! Limits of reads and writes of block devices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::spec::units;
use crate::spec::validate::{self, Faults};

/// Limits of reads and writes of block devices of the engine's machine, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BlockIoLimits {
    /// The weight relative to other environments, from 10 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Reads from a device, in bytes per second.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, crate::protocol::schema::Size>")
    )]
    #[serde(deserialize_with = "units::sizes", skip_serializing_if = "BTreeMap::is_empty")]
    pub read_bps: BTreeMap<String, u64>,
    /// Writes to a device, in bytes per second.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "std::collections::BTreeMap<String, crate::protocol::schema::Size>")
    )]
    #[serde(deserialize_with = "units::sizes", skip_serializing_if = "BTreeMap::is_empty")]
    pub write_bps: BTreeMap<String, u64>,
    /// Reads from a device, in operations per second.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub read_iops: BTreeMap<String, u64>,
    /// Writes to a device, in operations per second.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub write_iops: BTreeMap<String, u64>,
}

impl BlockIoLimits {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// These limits, and those of `weaker` where one is missing.
    pub(super) fn or(&self, weaker: &Self) -> Self {
        let both = |weaker: &BTreeMap<String, u64>, own: &BTreeMap<String, u64>| {
            let all = weaker.iter().chain(own);
            all.map(|(device, rate)| (device.clone(), *rate)).collect()
        };
        Self {
            weight: self.weight.or(weaker.weight),
            read_bps: both(&weaker.read_bps, &self.read_bps),
            write_bps: both(&weaker.write_bps, &self.write_bps),
            read_iops: both(&weaker.read_iops, &self.read_iops),
            write_iops: both(&weaker.write_iops, &self.write_iops),
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(weight) = self.weight.filter(|weight| !(10..=1000).contains(weight)) {
            let why = format!("the block I/O weight {weight} is out of range; use 10 to 1000");
            faults.add(Err(Error::invalid(why)));
        }
        let all = [&self.read_bps, &self.write_bps, &self.read_iops, &self.write_iops];
        for (device, rate) in all.into_iter().flatten() {
            if !device.starts_with('/') {
                let why = format!("{device:?} is not the path of a block device; write /dev/sda");
                faults.add(Err(Error::invalid(why)));
            }
            faults.add(validate::positive(Some(*rate)));
        }
    }
}
