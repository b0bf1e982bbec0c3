//! Resource limits in the container's configuration, and the check that the daemon applied them.

use engine_api::containers::{Container, HostConfig};

use crate::engine::capabilities::{Feature, MissingFeature};
use crate::error::{Error, Result};
use crate::spec::limits::ResourceLimits;

/// Billionths of a CPU.
const NANO: f64 = 1e9;

/// Writes the limits into a container's configuration.
pub(super) fn write(limits: &ResourceLimits, host: &mut HostConfig) -> Result<()> {
    if let Some(memory) = limits.memory {
        host.memory = whole("memory", memory)?;
        // Swap counts as memory: otherwise an environment could use the same amount again, on disk.
        host.memory_swap = host.memory;
    }
    if let Some(pids) = limits.pids {
        host.pids_limit = Some(whole("processes", pids)?);
    }
    if let Some(cpus) = limits.cpus {
        host.nano_cpus = nano(cpus)?;
    }
    Ok(())
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

/// The requested limits that the container does not have. A daemon that cannot enforce a limit
/// drops it and returns at most a warning.
pub(super) fn dropped(limits: &ResourceLimits, container: &Container) -> Vec<MissingFeature> {
    let mut asked = HostConfig::default();
    // Limits that cannot be written were rejected before the container was created.
    if write(limits, &mut asked).is_err() {
        return Vec::new();
    }
    let host = &container.host_config;
    let quota_matches = host.cpu_period > 0
        && i128::from(host.cpu_quota) * 1_000_000_000
            == i128::from(asked.nano_cpus) * i128::from(host.cpu_period);
    [
        (Feature::MemoryLimit, host.memory == asked.memory),
        (
            Feature::PidsLimit,
            asked.pids_limit.is_none() || host.pids_limit == asked.pids_limit,
        ),
        (
            Feature::CpuLimit,
            asked.nano_cpus == 0 || host.nano_cpus == asked.nano_cpus || quota_matches,
        ),
    ]
    .into_iter()
    .filter(|(_, kept)| !kept)
    .map(|(feature, _)| MissingFeature {
        feature,
        reason: "the daemon dropped it when the container was created".to_owned(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ResourceLimits = ResourceLimits {
        memory: Some(256 << 20),
        cpus: Some(1.5),
        pids: Some(64),
        disk: None,
    };

    #[test]
    fn limits_are_written_and_swap_counts_as_memory() {
        let mut host = HostConfig::default();
        write(&LIMITS, &mut host).unwrap();
        assert_eq!((host.memory, host.memory_swap), (256 << 20, 256 << 20));
        assert_eq!((host.nano_cpus, host.pids_limit), (1_500_000_000, Some(64)));
        let mut host = HostConfig::default();
        write(&ResourceLimits::default(), &mut host).unwrap();
        assert_eq!(host, HostConfig::default());
    }

    #[test]
    fn limit_out_of_range_is_rejected() {
        let rejected = |limits: ResourceLimits| write(&limits, &mut HostConfig::default()).is_err();
        assert!(rejected(ResourceLimits {
            memory: Some(u64::MAX),
            ..ResourceLimits::default()
        }));
        assert!(rejected(ResourceLimits {
            cpus: Some(1e12),
            ..ResourceLimits::default()
        }));
        assert!(rejected(ResourceLimits {
            cpus: Some(1e-12),
            ..ResourceLimits::default()
        }));
    }

    #[test]
    fn dropped_limit_is_noticed() {
        let mut container = Container::default();
        write(&LIMITS, &mut container.host_config).unwrap();
        assert_eq!(dropped(&LIMITS, &container), []);
        // Podman reports a CPU limit as a quota.
        container.host_config.nano_cpus = 0;
        (container.host_config.cpu_period, container.host_config.cpu_quota) = (100_000, 150_000);
        assert_eq!(dropped(&LIMITS, &container), []);
        let features = |container: &Container| -> Vec<Feature> {
            dropped(&LIMITS, container)
                .into_iter()
                .map(|lack| lack.feature)
                .collect()
        };
        let all = [Feature::MemoryLimit, Feature::PidsLimit, Feature::CpuLimit];
        assert_eq!(features(&Container::default()), all);
        assert_eq!(dropped(&ResourceLimits::default(), &Container::default()), []);
    }
}
