//! Resource limits.

pub(crate) mod block_io;
pub(crate) mod memory_swap;
pub(crate) mod ulimit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::block_io::BlockIoLimits;
use self::memory_swap::MemorySwap;
use self::ulimit::Ulimit;
use super::units;
use super::validate::{self, Faults};
use crate::counted::counted;
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};

/// The minimum memory limit: the first process of a container needs some memory.
const LEAST_MEMORY: u64 = 6 << 20;

/// The minimum CPU limit.
const LEAST_CPUS: f64 = 0.01;

/// Resource limits of an environment; a limit that is not set does not exist.
///
/// An engine that cannot apply a limit rejects the specification; it never ignores a limit.
///
/// ```
/// let limits: isolation::ResourceLimits = serde_json::from_str(r#"{
///     "memory": "256m",
///     "memory_swap": "512m",
///     "cpus": 1.5,
///     "cpuset_cpus": "0-1",
///     "pids": 100,
///     "disk": "1g",
///     "shm_size": "64m",
///     "ulimits": {"nofile": 1024, "core": {"soft": 0, "hard": "unlimited"}},
///     "block_io": {"read_bps": {"/dev/sda": "10m"}}
/// }"#)?;
/// assert_eq!(limits.memory, Some(256 << 20));
/// # serde_json::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ResourceLimits {
    /// Memory, in bytes; at least 6 MiB. In JSON also a text such as `"512m"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Size>"))]
    #[serde(deserialize_with = "units::size", skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Memory and swap together, in bytes; at least [`memory`](Self::memory), which it needs.
    /// Without it, there is no swap beyond the memory limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Limit>"))]
    pub memory_swap: Option<MemorySwap>,
    /// CPUs; 0.5 is half of one CPU. In JSON also a text such as `"0.5"`.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::protocol::schema::Number>")
    )]
    #[serde(deserialize_with = "units::number", skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// The numbers of the CPUs on which processes may run: `0-2,7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset_cpus: Option<String>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// The size of all files that the environment writes outside of mounts, in bytes. If the
    /// storage of an engine has no quotas, the process that started the environment measures the
    /// size periodically. If the size exceeds the limit, the event
    /// [`DiskLimitExceeded`](crate::EventKind::DiskLimitExceeded) is sent, and the environment is
    /// stopped.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Size>"))]
    #[serde(deserialize_with = "units::size", skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
    /// The size of `/dev/shm`, in bytes.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Size>"))]
    #[serde(deserialize_with = "units::size", skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// Limits of each process, by their names: `nofile`, `nproc` …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "BTreeMap<String, crate::protocol::schema::ProcessLimit>")
    )]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Limits of reads and writes of block devices.
    #[serde(skip_serializing_if = "BlockIoLimits::is_default")]
    pub block_io: BlockIoLimits,
}

impl ResourceLimits {
    /// These limits, and those of `weaker` where one is missing.
    pub(crate) fn or(&self, weaker: &Self) -> Self {
        let own_swap = self.memory.is_some() || self.memory_swap.is_some();
        let mut ulimits = weaker.ulimits.clone();
        ulimits.extend(self.ulimits.clone());
        Self {
            memory: self.memory.or(weaker.memory),
            // A swap limit belongs to its memory limit.
            memory_swap: if own_swap {
                self.memory_swap
            } else {
                weaker.memory_swap
            },
            cpus: self.cpus.or(weaker.cpus),
            cpuset_cpus: self.cpuset_cpus.clone().or_else(|| weaker.cpuset_cpus.clone()),
            pids: self.pids.or(weaker.pids),
            disk: self.disk.or(weaker.disk),
            shm_size: self.shm_size.or(weaker.shm_size),
            ulimits,
            block_io: self.block_io.or(&weaker.block_io),
        }
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        for limit in [self.memory, self.pids, self.disk, self.shm_size] {
            faults.add(validate::positive(limit));
        }
        if let Some(memory) = self.memory.filter(|memory| (1..LEAST_MEMORY).contains(memory)) {
            let why = format!(
                "a memory limit of {} is too low; use at least {LEAST_MEMORY} (6m)",
                counted(memory, "byte", "bytes")
            );
            faults.add(Err(Error::invalid(why)));
        }
        faults.add(self.check_swap());
        if let Some(cpus) = self.cpus {
            if !cpus.is_finite() || cpus < LEAST_CPUS {
                let why = format!("{cpus} is not a number of CPUs; write {LEAST_CPUS}, 0.5, 1, 2 …");
                faults.add(Err(Error::invalid(why)));
            }
        }
        if let Some(list) = &self.cpuset_cpus {
            faults.add(cpu_numbers(list).map(drop));
        }
        for (name, ulimit) in &self.ulimits {
            faults.add(ulimit.check(name));
        }
        self.block_io.check(faults);
    }

    fn check_swap(&self) -> Result<()> {
        match (self.memory_swap, self.memory) {
            (Some(_), None) => Err(Error::invalid(
                "memory_swap is the limit of memory and swap together; set the memory limit, too",
            )),
            (Some(MemorySwap::Total(total)), Some(memory)) if total < memory => Err(Error::invalid(format!(
                "memory_swap is {}, less than the memory limit of {memory}; it is the limit of both together",
                counted(total, "byte", "bytes")
            ))),
            _ => Ok(()),
        }
    }

    /// These limits without limits that are the same in `others`.
    pub(crate) fn other_than(&self, others: &Self) -> Self {
        fn other<T: PartialEq + Clone>(own: &Option<T>, other: &Option<T>) -> Option<T> {
            own.clone().filter(|own| other.as_ref() != Some(own))
        }
        let ulimits = self.ulimits.iter();
        let ulimits = ulimits.filter(|(name, own)| others.ulimits.get(*name) != Some(*own));
        Self {
            memory: other(&self.memory, &others.memory),
            memory_swap: other(&self.memory_swap, &others.memory_swap),
            cpus: other(&self.cpus, &others.cpus),
            cpuset_cpus: other(&self.cpuset_cpus, &others.cpuset_cpus),
            pids: other(&self.pids, &others.pids),
            disk: other(&self.disk, &others.disk),
            shm_size: other(&self.shm_size, &others.shm_size),
            ulimits: ulimits.map(|(name, own)| (name.clone(), *own)).collect(),
            block_io: match self.block_io == others.block_io {
                true => BlockIoLimits::default(),
                false => self.block_io.clone(),
            },
        }
    }

    /// Removes the limit that needs this feature.
    pub(crate) fn remove(&mut self, feature: Feature) {
        match feature {
            Feature::MemoryLimit => (self.memory, self.memory_swap) = (None, None),
            Feature::SwapLimit => self.memory_swap = None,
            Feature::CpuLimit => self.cpus = None,
            Feature::CpuSet => self.cpuset_cpus = None,
            Feature::PidsLimit => self.pids = None,
            Feature::DiskLimit => self.disk = None,
            Feature::SharedMemorySize => self.shm_size = None,
            Feature::Ulimits => self.ulimits.clear(),
            Feature::BlockIoLimits => self.block_io = BlockIoLimits::default(),
            _ => {}
        }
    }

    /// The features that an engine needs for these limits.
    pub(crate) fn required_features(&self) -> impl Iterator<Item = Feature> {
        [
            (self.memory.is_some(), Feature::MemoryLimit),
            (self.memory_swap.is_some(), Feature::SwapLimit),
            (self.cpus.is_some(), Feature::CpuLimit),
            (self.cpuset_cpus.is_some(), Feature::CpuSet),
            (self.pids.is_some(), Feature::PidsLimit),
            (self.disk.is_some(), Feature::DiskLimit),
            (self.shm_size.is_some(), Feature::SharedMemorySize),
            (!self.ulimits.is_empty(), Feature::Ulimits),
            (!self.block_io.is_default(), Feature::BlockIoLimits),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
    }
}

/// The maximum number of entries in a list of CPUs.
const MOST_CPUS: u32 = 8192;

/// The numbers of a list such as `0-2,7`.
pub(crate) fn cpu_numbers(list: &str) -> Result<Vec<u32>> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number < MOST_CPUS);
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(from)?, number(to)?);
        (from <= to).then_some(from..=to)
    };
    let ranges: Option<Vec<_>> = list.split(',').map(range).collect();
    match ranges {
        Some(ranges) => Ok(ranges.into_iter().flatten().collect()),
        None => Err(Error::invalid(format!(
            "{list:?} is not a list of CPUs; write their numbers: 0, 0-2, 0,3"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(limits: &ResourceLimits) -> Option<String> {
        let mut faults = Faults::default();
        limits.check(&mut faults);
        faults.into_result().err().map(|error| error.to_string())
    }

    fn read(json: &str) -> ResourceLimits {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn limit_that_a_daemon_would_refuse_is_an_error() {
        for (json, word) in [
            (r#"{"memory": 0}"#, "greater than 0"),
            (r#"{"memory": "5m"}"#, "6m"),
            (r#"{"memory_swap": "64m"}"#, "set the memory limit"),
            (r#"{"memory": "64m", "memory_swap": "32m"}"#, "less than"),
            (r#"{"cpus": 0.001}"#, "0.01"),
            (r#"{"cpus": -1.0}"#, "0.01"),
            (r#"{"cpuset_cpus": ""}"#, "0-2"),
            (r#"{"cpuset_cpus": "2-1"}"#, "0-2"),
            (r#"{"cpuset_cpus": "1,x"}"#, "0-2"),
            (r#"{"cpuset_cpus": "0-4000000000"}"#, "0-2"),
            (r#"{"pids": 0}"#, "greater than 0"),
            (r#"{"disk": 0}"#, "greater than 0"),
            (r#"{"shm_size": 0}"#, "greater than 0"),
            (r#"{"ulimits": {"nofiles": 3}}"#, "nofile"),
            (r#"{"ulimits": {"nofile": {"soft": 3, "hard": 2}}}"#, "soft"),
            (r#"{"block_io": {"weight": 9}}"#, "10"),
            (r#"{"block_io": {"read_bps": {"sda": 9}}}"#, "/dev"),
            (
                r#"{"block_io": {"write_iops": {"/dev/sda": 0}}}"#,
                "greater than 0",
            ),
        ] {
            let error = faults(&read(json)).unwrap_or_default();
            assert!(error.contains(word), "{json}: {error}");
        }
    }

    #[test]
    fn valid_limits_round_trip() {
        for json in [
            r#"{"memory":6291456,"memory_swap":6291456}"#,
            r#"{"memory":6291456,"memory_swap":"unlimited"}"#,
            r#"{"cpus":0.01,"cpuset_cpus":"0-2,7"}"#,
            r#"{"ulimits":{"core":{"soft":0,"hard":"unlimited"},"nofile":{"soft":3,"hard":3}}}"#,
            r#"{"block_io":{"weight":10,"read_bps":{"/dev/sda":1}}}"#,
        ] {
            let limits = read(json);
            assert_eq!(faults(&limits), None, "{json}");
            assert_eq!(serde_json::to_string(&limits).unwrap(), json);
        }
        assert_eq!(
            read(r#"{"memory_swap": -1}"#),
            read(r#"{"memory_swap": "unlimited"}"#)
        );
        assert_eq!(cpu_numbers("0-2,7").unwrap(), [0, 1, 2, 7]);
    }

    #[test]
    fn own_memory_limit_does_not_inherit_a_swap_limit() {
        let weaker = read(r#"{"memory": "64m", "memory_swap": "128m", "ulimits": {"core": 0}}"#);
        let own = read(r#"{"memory": "256m", "ulimits": {"nofile": 9}}"#).or(&weaker);
        assert_eq!((own.memory, own.memory_swap), (Some(256 << 20), None));
        assert_eq!(own.ulimits.len(), 2);
        assert_eq!(ResourceLimits::default().or(&weaker), weaker);
    }
}
