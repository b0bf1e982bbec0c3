//! Resource limits in the container's configuration, and the check that the daemon applied them.

pub(super) mod read_back;

use std::collections::BTreeMap;

use engine_api::common::Ulimit as ApiUlimit;
use engine_api::containers::{HostConfig, ThrottleDevice};

use crate::counted::counted;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::error::{Error, Result};
use crate::spec::limits::block_io::BlockIoLimits;
use crate::spec::limits::memory_swap::MemorySwap;
use crate::spec::limits::ulimit::{Ulimit, UlimitValue};
use crate::spec::limits::{ResourceLimits, cpu_numbers};

/// Billionths of a CPU.
const NANO: f64 = 1e9;

/// Writes the limits into a container's configuration; not that of the disk, which depends on the
/// storage of the daemon.
pub(super) fn write(limits: &ResourceLimits, host: &mut HostConfig) -> Result<()> {
    if let Some(memory) = limits.memory {
        host.memory = whole("memory", memory)?;
        host.memory_swap = match limits.memory_swap {
            // Otherwise an environment could use the same amount again, on disk.
            None => host.memory,
            Some(MemorySwap::Total(total)) => whole("memory and swap", total)?,
            Some(MemorySwap::Unlimited) => -1,
        };
    }
    if let Some(pids) = limits.pids {
        host.pids_limit = Some(whole("processes", pids)?);
    }
    if let Some(cpus) = limits.cpus {
        host.nano_cpus = nano(cpus)?;
    }
    if let Some(shm_size) = limits.shm_size {
        host.shm_size = whole("shared memory", shm_size)?;
    }
    host.cpuset_cpus = limits.cpuset_cpus.clone().unwrap_or_default();
    for (name, ulimit) in &limits.ulimits {
        host.ulimits.push(ApiUlimit {
            name: name.clone(),
            soft: value(name, ulimit.soft)?,
            hard: value(name, ulimit.hard)?,
        });
    }
    let block_io = &limits.block_io;
    host.blkio_weight = block_io.weight.unwrap_or_default();
    let devices = |rates: &BTreeMap<String, u64>| {
        let device = |(path, rate): (&String, &u64)| ThrottleDevice {
            path: path.clone(),
            rate: *rate,
        };
        rates.iter().map(device).collect()
    };
    host.blkio_device_read_bps = devices(&block_io.read_bps);
    host.blkio_device_write_bps = devices(&block_io.write_bps);
    host.blkio_device_read_iops = devices(&block_io.read_iops);
    host.blkio_device_write_iops = devices(&block_io.write_iops);
    Ok(())
}

fn value(name: &str, value: UlimitValue) -> Result<i64> {
    match value {
        UlimitValue::Limited(value) => whole(name, value),
        UlimitValue::Unlimited => Ok(-1),
    }
}

fn whole(what: &str, limit: u64) -> Result<i64> {
    i64::try_from(limit).map_err(|_| Error::invalid(format!("a limit of {limit} {what} is too large")))
}

fn nano(cpus: f64) -> Result<i64> {
    let nano = (cpus * NANO).round();
    if !(1.0..NANO * NANO).contains(&nano) {
        let why = format!("invalid CPU limit {cpus}; use a value between 0.01 and the CPUs of the machine");
        return Err(Error::invalid(why));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked above, and it has no fraction"
    )]
    Ok(nano as i64)
}

/// Rejects CPUs that the daemon's machine does not have: Docker refuses them, Podman accepts them.
pub(super) fn check_cpus(limits: &ResourceLimits, cpus: Option<usize>) -> Result<()> {
    let Some(cpus) = cpus.and_then(|cpus| u32::try_from(cpus).ok()) else {
        return Ok(());
    };
    if let Some(asked) = limits.cpus.filter(|asked| *asked > f64::from(cpus)) {
        let why = format!(
            "a CPU limit of {asked} is too high; the machine has {}",
            counted(cpus, "CPU", "CPUs")
        );
        return Err(Error::invalid(why));
    }
    let numbers = limits
        .cpuset_cpus
        .as_deref()
        .map_or(Ok(Vec::new()), cpu_numbers)?;
    match numbers.iter().find(|number| **number >= cpus) {
        Some(number) => Err(Error::invalid(format!(
            "the machine has no CPU {number}; use 0 to {} in cpuset_cpus",
            cpus - 1
        ))),
        None => Ok(()),
    }
}

/// The limits that a container has.
pub(super) fn in_force(host: &HostConfig) -> ResourceLimits {
    let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    let by_quota = || {
        let (quota, period) = (positive(host.cpu_quota)?, positive(host.cpu_period)?);
        #[expect(clippy::cast_precision_loss, reason = "both are small")]
        Some(quota as f64 / period as f64)
    };
    #[expect(clippy::cast_precision_loss, reason = "no machine has so many CPUs")]
    let by_nano = positive(host.nano_cpus).map(|nano| nano as f64 / NANO);
    let rates = |devices: &[ThrottleDevice]| {
        let pair = |device: &ThrottleDevice| (device.path.clone(), device.rate);
        devices.iter().map(pair).collect()
    };
    let of = |value: i64| u64::try_from(value).map_or(UlimitValue::Unlimited, UlimitValue::Limited);
    let ulimit = |one: &ApiUlimit| {
        let (soft, hard) = (of(one.soft), of(one.hard));
        // Podman names them as C does.
        let name = one.name.to_ascii_lowercase();
        let name = name.strip_prefix("rlimit_").unwrap_or(&name).to_owned();
        (name, Ulimit { soft, hard })
    };
    let memory = positive(host.memory);
    ResourceLimits {
        memory,
        memory_swap: memory.and(match host.memory_swap {
            -1 => Some(MemorySwap::Unlimited),
            total => positive(total).map(MemorySwap::Total),
        }),
        cpus: by_nano.or_else(by_quota),
        cpuset_cpus: Some(host.cpuset_cpus.clone()).filter(|list| !list.is_empty()),
        pids: host.pids_limit.and_then(positive),
        disk: host.storage_opt.get("size").and_then(|size| size.parse().ok()),
        shm_size: positive(host.shm_size),
        ulimits: host.ulimits.iter().map(ulimit).collect(),
        block_io: BlockIoLimits {
            weight: Some(host.blkio_weight).filter(|weight| *weight > 0),
            read_bps: rates(&host.blkio_device_read_bps),
            write_bps: rates(&host.blkio_device_write_bps),
            read_iops: rates(&host.blkio_device_read_iops),
            write_iops: rates(&host.blkio_device_write_iops),
        },
    }
}

/// The words of a daemon's warning about a limit that it drops.
const WARNINGS: [(&str, Feature); 10] = [
    ("swap limit", Feature::SwapLimit),
    ("without swap", Feature::SwapLimit),
    ("memory limit", Feature::MemoryLimit),
    ("CPU CFS", Feature::CpuLimit),
    ("NanoCPUs", Feature::CpuLimit),
    ("cpuset", Feature::CpuSet),
    ("PIDs limit", Feature::PidsLimit),
    ("pids limit", Feature::PidsLimit),
    ("Block I/O", Feature::BlockIoLimits),
    ("BPS ", Feature::BlockIoLimits),
];

/// The limit that a daemon drops, by its warning.
pub(super) fn warned(warning: &str) -> Option<Feature> {
    let found = WARNINGS.iter().find(|(text, _)| warning.contains(text));
    found.map(|(_, feature)| *feature)
}

/// The requested limits that the container does not have. A daemon that cannot enforce a limit
/// drops it, and returns at most a warning.
pub(super) fn dropped(
    limits: &ResourceLimits,
    host: &HostConfig,
    warnings: &[String],
) -> Vec<MissingFeature> {
    let mut asked = HostConfig::default();
    // Limits that cannot be written were rejected before the container was created.
    if write(limits, &mut asked).is_err() {
        return Vec::new();
    }
    let has = in_force(host);
    // A quota is a whole number of microseconds.
    let billion: i128 = 1_000_000_000;
    let asked_quota = i128::from(asked.nano_cpus) * i128::from(host.cpu_period);
    let quota_matches =
        host.cpu_period > 0 && (i128::from(host.cpu_quota) * billion - asked_quota).abs() < billion;
    let kept_ulimits = limits
        .ulimits
        .iter()
        .all(|(name, ulimit)| has.ulimits.get(name) == Some(ulimit));
    let by_inspection = [
        (
            Feature::MemoryLimit,
            limits.memory.is_none() || has.memory == limits.memory,
        ),
        (
            Feature::SwapLimit,
            limits.memory_swap.is_none() || host.memory_swap == asked.memory_swap,
        ),
        (
            Feature::CpuLimit,
            limits.cpus.is_none() || host.nano_cpus == asked.nano_cpus || quota_matches,
        ),
        (
            Feature::CpuSet,
            limits.cpuset_cpus.is_none() || has.cpuset_cpus == limits.cpuset_cpus,
        ),
        (
            Feature::PidsLimit,
            limits.pids.is_none() || has.pids == limits.pids,
        ),
        (
            Feature::SharedMemorySize,
            limits.shm_size.is_none() || has.shm_size == limits.shm_size,
        ),
        (Feature::Ulimits, kept_ulimits),
        (Feature::BlockIoLimits, keeps(&limits.block_io, &has.block_io)),
    ];
    let inspected = by_inspection
        .into_iter()
        .filter(|(_, kept)| !kept)
        .map(|(feature, _)| {
            let reason = "the daemon dropped it".to_owned();
            MissingFeature { feature, reason }
        });
    let mut all = warned_of(limits, warnings);
    all.extend(inspected);
    once_each(all)
}

/// The requested limits that the daemon drops with a warning.
pub(super) fn warned_of(limits: &ResourceLimits, warnings: &[String]) -> Vec<MissingFeature> {
    let required: Vec<Feature> = limits.required_features().collect();
    let warned = warnings.iter().filter_map(|warning| {
        let feature = warned(warning).filter(|feature| required.contains(feature))?;
        let reason = format!("the daemon dropped it: {warning}");
        Some(MissingFeature { feature, reason })
    });
    once_each(warned.collect())
}

/// The first reason for each feature.
fn once_each(mut all: Vec<MissingFeature>) -> Vec<MissingFeature> {
    all.sort_by_key(|missing| missing.feature);
    all.dedup_by_key(|missing| missing.feature);
    all
}

/// Whether the container has every requested limit of block I/O.
fn keeps(asked: &BlockIoLimits, has: &BlockIoLimits) -> bool {
    let all = |asked: &BTreeMap<String, u64>, has: &BTreeMap<String, u64>| {
        asked.iter().all(|(device, rate)| has.get(device) == Some(rate))
    };
    (asked.weight.is_none() || asked.weight == has.weight)
        && all(&asked.read_bps, &has.read_bps)
        && all(&asked.write_bps, &has.write_bps)
        && all(&asked.read_iops, &has.read_iops)
        && all(&asked.write_iops, &has.write_iops)
}

#[cfg(test)]
mod tests;
