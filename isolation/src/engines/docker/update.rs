//! Changes the limits of an environment's container.

use std::sync::atomic::Ordering;

use engine_api::containers::{HostConfig, UpdateContainer};

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::{NAME, limits};
use crate::BoxFuture;
use crate::engine::instance::{Metrics, Update};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::limits::ResourceLimits;
use crate::spec::limits::memory_swap::MemorySwap;

/// The period of the kernel's scheduler for a quota of CPU time, in microseconds.
const PERIOD: i64 = 100_000;

/// How many billionths of a CPU are one microsecond of each period.
const NANO_PER_MICROSECOND: i64 = 1_000_000_000 / PERIOD;

impl DockerInstance {
    async fn change_limits(&self, wanted: &ResourceLimits) -> Result<()> {
        let Some(container) = self.container().await? else {
            return Err(Error::lost());
        };
        let now = limits::in_force(&container.host_config);
        limits::check_cpus(wanted, self.cpus)?;
        let asked = with_swap(wanted, &now)?;
        if let Some(memory) = wanted.memory.filter(|_| container.state.running) {
            self.check_use(memory).await?;
        }
        let containers = self.container.docker.containers();
        let body = body(&asked, self.container.podman)?;
        let sent = containers.update(self.container.id(), body).await;
        let updated = match sent {
            Ok(updated) => updated,
            Err(error) if error.is_not_found() => return Err(Error::lost()),
            Err(error) => {
                // The use may have grown since the check.
                if let Some(memory) = wanted.memory.filter(|_| container.state.running) {
                    self.check_use(memory).await?;
                }
                return Err(to_error(error));
            }
        };
        let Some(container) = self.container().await? else {
            return Err(Error::lost());
        };
        if let Some(memory) = limits::in_force(&container.host_config).memory {
            self.memory_limit.store(memory, Ordering::Release);
        }
        let dropped = limits::dropped(wanted, &container.host_config, &updated.warnings);
        match dropped.is_empty() {
            true => Ok(()),
            false => Err(Error::unsupported(NAME, dropped)),
        }
    }

    /// Fails if more memory is in use than the new limit allows: some kernels refuse such a limit,
    /// others kill a process.
    async fn check_use(&self, limit: u64) -> Result<()> {
        let used = self.sample().await?.memory;
        if used <= limit {
            return Ok(());
        }
        let text = format!(
            "{used} bytes of memory are in use, more than the new limit of {limit} bytes; use a higher limit, \
             or end processes first"
        );
        Err(Error::new(ErrorKind::Conflict, text))
    }
}

/// The limits that are sent: a daemon refuses a memory limit above the limit of memory and swap, so
/// both are sent together.
fn with_swap(wanted: &ResourceLimits, now: &ResourceLimits) -> Result<ResourceLimits> {
    let mut asked = wanted.clone();
    if wanted.memory_swap.is_some() {
        return Ok(asked);
    }
    if let Some(memory) = wanted.memory {
        asked.memory_swap = match (now.memory_swap, now.memory) {
            (Some(MemorySwap::Unlimited), _) => now.memory_swap,
            // As much swap as before.
            (Some(MemorySwap::Total(total)), Some(before)) => {
                let swap = total.saturating_sub(before);
                Some(MemorySwap::Total(memory.saturating_add(swap)))
            }
            _ => Some(MemorySwap::Total(memory)),
        };
    }
    Ok(asked)
}

fn body(asked: &ResourceLimits, podman: bool) -> Result<UpdateContainer> {
    let mut host = HostConfig::default();
    limits::write(asked, &mut host)?;
    if podman && host.nano_cpus > 0 {
        // It ignores `NanoCpus` here, without a warning.
        (host.cpu_quota, host.cpu_period) = (host.nano_cpus / NANO_PER_MICROSECOND, PERIOD);
        host.nano_cpus = 0;
    }
    Ok(UpdateContainer {
        memory: host.memory,
        memory_swap: host.memory_swap,
        nano_cpus: host.nano_cpus,
        cpu_quota: host.cpu_quota,
        cpu_period: host.cpu_period,
        cpuset_cpus: host.cpuset_cpus,
        pids_limit: host.pids_limit,
        blkio_weight: host.blkio_weight,
        ..UpdateContainer::default()
    })
}

impl Update for DockerInstance {
    fn update<'a>(&'a self, limits: &'a ResourceLimits) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.change_limits(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory: u64, swap: Option<MemorySwap>) -> ResourceLimits {
        ResourceLimits {
            memory: Some(memory),
            memory_swap: swap,
            ..ResourceLimits::default()
        }
    }

    /// A daemon refused to raise memory above the limit of memory and swap.
    #[test]
    fn memory_and_swap_are_sent_together() {
        let total = |bytes| Some(MemorySwap::Total(bytes));
        for (wanted, now, expected) in [
            (limits(200, None), limits(100, total(100)), total(200)),
            (limits(200, None), limits(100, total(150)), total(250)),
            (
                limits(200, None),
                limits(100, Some(MemorySwap::Unlimited)),
                Some(MemorySwap::Unlimited),
            ),
            (limits(200, None), ResourceLimits::default(), total(200)),
            (limits(200, total(300)), limits(100, total(100)), total(300)),
        ] {
            assert_eq!(
                with_swap(&wanted, &now).unwrap().memory_swap,
                expected,
                "{wanted:?}"
            );
        }
        let pids = ResourceLimits {
            pids: Some(9),
            ..ResourceLimits::default()
        };
        let sent = body(&with_swap(&pids, &limits(100, total(100))).unwrap(), false).unwrap();
        assert_eq!((sent.memory, sent.memory_swap, sent.pids_limit), (0, 0, Some(9)));
    }

    #[test]
    fn podman_gets_a_quota_of_cpu_time() {
        let cpus = ResourceLimits {
            cpus: Some(0.25),
            ..ResourceLimits::default()
        };
        let sent = |podman| {
            let sent = body(&cpus, podman).unwrap();
            (sent.nano_cpus, sent.cpu_quota, sent.cpu_period)
        };
        assert_eq!(
            (sent(false), sent(true)),
            ((250_000_000, 0, 0), (0, 25_000, 100_000))
        );
    }
}
