//! Writes and reads the limits of a group.

use std::fs;
use std::io;
use std::path::Path;

use super::{Cgroup, Controller, Version};
use crate::BoxFuture;
use crate::engine::instance::Update;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::limits::ResourceLimits;
use crate::spec::limits::memory_swap::MemorySwap;

/// The period of a CPU limit, in microseconds, and the least quota that the kernel accepts.
const PERIOD: u64 = 100_000;
const LEAST_QUOTA: u64 = 1_000;

/// Version 1 reports a number near the maximum for no limit.
const NO_LIMIT: u64 = 1 << 60;

impl Cgroup {
    /// Sets the limits that are set; the others stay.
    pub(crate) fn apply(&self, limits: &ResourceLimits) -> Result<()> {
        if let Some(memory) = limits.memory {
            self.set_memory(memory, limits.memory_swap)?;
        }
        if let Some(cpus) = limits.cpus {
            self.set_cpus(cpus)?;
        }
        if let Some(list) = &limits.cpuset_cpus {
            self.set(Controller::Cpuset, "cpuset.cpus", list)?;
        }
        if let Some(pids) = limits.pids {
            self.set(Controller::Pids, "pids.max", &pids.to_string())?;
        }
        Ok(())
    }

    /// Sets the memory limit. Without a swap limit, no additional swap is allowed.
    fn set_memory(&self, memory: u64, swap: Option<MemorySwap>) -> Result<()> {
        let total = match swap {
            None => Some(memory),
            Some(MemorySwap::Total(total)) => Some(total),
            Some(MemorySwap::Unlimited) => None,
        };
        if self.version == Version::Unified {
            self.set(Controller::Memory, "memory.max", &memory.to_string())?;
            let swap = total.map_or_else(|| "max".to_owned(), |total| (total - memory).to_string());
            return match self.has(Controller::Memory, "memory.swap.max") {
                true => self.set(Controller::Memory, "memory.swap.max", &swap),
                false => Ok(()),
            };
        }
        const SWAP: &str = "memory.memsw.limit_in_bytes";
        let has_swap = self.has(Controller::Memory, SWAP);
        // The limit of memory and swap must never be below the memory limit, also between the two
        // writes.
        if has_swap {
            self.set(Controller::Memory, SWAP, "-1")?;
        }
        self.set(Controller::Memory, "memory.limit_in_bytes", &memory.to_string())?;
        match total.filter(|_| has_swap) {
            Some(total) => self.set(Controller::Memory, SWAP, &total.to_string()),
            None => Ok(()),
        }
    }

    fn set_cpus(&self, cpus: f64) -> Result<()> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a checked number of CPUs"
        )]
        let quota = ((cpus * PERIOD as f64) as u64).max(LEAST_QUOTA);
        match self.version {
            Version::Unified => self.set(Controller::Cpu, "cpu.max", &format!("{quota} {PERIOD}")),
            Version::Separate => {
                self.set(Controller::Cpu, "cpu.cfs_period_us", &PERIOD.to_string())?;
                self.set(Controller::Cpu, "cpu.cfs_quota_us", &quota.to_string())
            }
        }
    }

    fn set(&self, controller: Controller, file: &str, value: &str) -> Result<()> {
        let Some(directory) = self.directory(controller) else {
            let why = format!("the control group has no {file}");
            return Err(Error::new(ErrorKind::Unsupported, why));
        };
        let path = directory.join(file);
        fs::write(&path, value).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => Error::new(
                ErrorKind::Conflict,
                format!("more is in use than the limit {value} of {file} allows; end processes first"),
            ),
            io::ErrorKind::InvalidInput => Error::invalid(format!(
                "the kernel refuses {value} as {file}: {} has less",
                directory.parent().unwrap_or(directory).display()
            )),
            _ => Error::io("write", &path, error),
        })
    }

    fn has(&self, controller: Controller, file: &str) -> bool {
        self.directory(controller)
            .is_some_and(|directory| directory.join(file).exists())
    }

    /// The number in a file; `None` without a limit or without the file.
    pub(super) fn number(&self, controller: Controller, file: &str) -> Option<u64> {
        let text = fs::read_to_string(self.directory(controller)?.join(file)).ok()?;
        text.trim().parse().ok().filter(|number| *number < NO_LIMIT)
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> ResourceLimits {
        let memory = self.memory_limit();
        ResourceLimits {
            memory,
            memory_swap: memory.and_then(|memory| self.swap_limit(memory)),
            cpus: self.cpu_limit(),
            cpuset_cpus: self.cpu_set(),
            pids: self.number(Controller::Pids, "pids.max"),
            ..ResourceLimits::default()
        }
    }

    pub(super) fn memory_limit(&self) -> Option<u64> {
        match self.version {
            Version::Unified => self.number(Controller::Memory, "memory.max"),
            Version::Separate => self.number(Controller::Memory, "memory.limit_in_bytes"),
        }
    }

    fn swap_limit(&self, memory: u64) -> Option<MemorySwap> {
        let total = match self.version {
            Version::Unified => memory + self.number(Controller::Memory, "memory.swap.max")?,
            Version::Separate => self.number(Controller::Memory, "memory.memsw.limit_in_bytes")?,
        };
        Some(MemorySwap::Total(total))
    }

    /// The CPUs, if they differ from those of the parent group.
    fn cpu_set(&self) -> Option<String> {
        let directory = self.directory(Controller::Cpuset)?;
        let read = |directory: &Path| fs::read_to_string(directory.join("cpuset.cpus")).ok();
        let own = read(directory)?.trim().to_owned();
        let above = read(directory.parent()?).unwrap_or_default();
        (!own.is_empty() && own != above.trim()).then_some(own)
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of microseconds")]
    fn cpu_limit(&self) -> Option<f64> {
        let (quota, period) = match self.version {
            Version::Unified => {
                let text = fs::read_to_string(self.directory(Controller::Cpu)?.join("cpu.max")).ok()?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse().ok()?, period.parse().ok()?)
            }
            Version::Separate => (
                self.number(Controller::Cpu, "cpu.cfs_quota_us")?,
                self.number(Controller::Cpu, "cpu.cfs_period_us")?,
            ),
        };
        (period > 0).then(|| quota as f64 / period as f64)
    }
}

impl Update for Cgroup {
    fn update<'a>(&'a self, limits: &'a ResourceLimits) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(self.apply(limits)))
    }
}

/// Gives a new group of version 1 the CPUs and memory nodes of its parent: a new group has no CPUs
/// and no nodes, and cannot contain a process.
pub(super) fn inherit_cpus(directory: &Path) -> Result<()> {
    let parent = directory.parent().unwrap_or(directory);
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(file), directory.join(file));
        let value = fs::read_to_string(&from).map_err(|e| Error::io("read", &from, e))?;
        fs::write(&to, value.trim()).map_err(|e| Error::io("write", &to, e))?;
    }
    Ok(())
}
