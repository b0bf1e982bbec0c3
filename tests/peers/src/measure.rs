//! The resources that this process has used.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;

#[cfg(feature = "allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// CPU and allocations of this process.
#[derive(Clone, Copy)]
pub struct Used {
    /// User and system time, in microseconds.
    pub cpu: i64,
    pub allocations: usize,
}

impl Used {
    pub fn so_far() -> crate::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        Ok(Self {
            cpu: usage.user_time().num_microseconds() + usage.system_time().num_microseconds(),
            allocations: allocations(),
        })
    }
}

#[cfg(feature = "allocations")]
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

#[cfg(not(feature = "allocations"))]
fn allocations() -> usize {
    0
}

/// The peak memory of this process, in KiB.
pub fn peak_rss() -> crate::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|text| text.split_whitespace().next());
    Ok(number.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}

/// Pins this process and its children to the first CPU it may use: each call then costs the same
/// switch between client and engine.
pub fn pin() -> crate::Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.ok_or("no CPU to run on")?)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
}
