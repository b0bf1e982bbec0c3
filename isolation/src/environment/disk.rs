//! Supervision of the size of an environment's files, if its engine does not limit it.
//!
//! The size is measured at intervals, whether the counters of block I/O have moved or not: they
//! count what reaches a disk. After a write of 60 MiB, Docker's counters are still 0 and the size
//! is 60 MiB, because the data is in memory first; Podman reports no such counters. So they do not
//! show that nothing was written. The pauses limit the cost: they are at least 100 times as long as
//! a measurement, and longer while the size does not change.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::shared::Shared;
use super::status::Status;
use crate::command::signal::Signal;
use crate::counted::counted;
use crate::events::EventKind;

/// The shortest pause between two measurements.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest pause while the size does not change.
const LONGEST: Duration = Duration::from_secs(10);

/// The maximum fraction of the time for measurements, because a measurement reads all directories.
const SHARE: u32 = 100;

/// Measures the size until the environment ends, and stops the environment if the size exceeds its
/// limit.
pub(super) fn begin(shared: &Arc<Shared>, generation: u64) {
    if shared.instance.disk_usage().is_some() {
        let kept = Some(Arc::clone(shared));
        shared
            .tasks
            .spawn(measure(Arc::downgrade(shared), kept, generation));
    }
}

/// Measures the size of an environment that another process has started, as long as this process
/// has a handle of it.
pub(crate) fn begin_opened(shared: &Arc<Shared>) {
    if shared.instance.disk_usage().is_some() {
        let generation = shared.supervision.begin();
        shared
            .tasks
            .spawn(measure(Arc::downgrade(shared), None, generation));
    }
}

async fn measure(shared: Weak<Shared>, _kept: Option<Arc<Shared>>, generation: u64) {
    let (mut pauses, mut last) = (Pauses(SHORTEST), None);
    loop {
        sleep(pauses.0).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let status = shared.status();
        // The supervision may restart a stopped environment.
        let lives = matches!(status, Status::Running | Status::Paused | Status::Stopped);
        let disk = shared.instance.disk_usage();
        let Some(disk) = disk.filter(|_| lives && shared.supervision.is(generation)) else {
            return;
        };
        // No process writes.
        if matches!(status, Status::Stopped | Status::Paused) {
            continue;
        }
        let began = Instant::now();
        // An engine that does not answer now may answer later. The status shows an end.
        let Ok(used) = disk.used().await else { continue };
        let limit = disk.limit();
        if used > limit {
            let why = format!(
                "its files have {}, more than the disk limit of {limit}",
                counted(used, "byte", "bytes")
            );
            shared.supervision.gives_up(why, false);
            shared.emit(EventKind::DiskLimitExceeded { used, limit });
            shared.supervision.end().await;
            // An error was sent as an event.
            let _ = shared.kill(Signal::Kill).await;
            return;
        }
        pauses.next(began.elapsed(), last != Some(used));
        last = Some(used);
    }
}

/// The pauses between measurements.
struct Pauses(Duration);

impl Pauses {
    /// Chooses the next pause after a measurement that took `cost`.
    fn next(&mut self, cost: Duration, has_changed: bool) {
        let least = (cost * SHARE).max(SHORTEST);
        self.0 = match has_changed {
            true => least,
            false => (self.0 * 2).min(LONGEST).max(least),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expensive_measurement_is_rare() {
        let mut pauses = Pauses(SHORTEST);
        let quick = Duration::from_millis(1);
        let found: Vec<u64> = [false, false, true, false]
            .into_iter()
            .map(|has_changed| {
                pauses.next(quick, has_changed);
                pauses.0.as_secs()
            })
            .collect();
        assert_eq!(found, [2, 4, 1, 2]);
        for has_changed in [true, false] {
            pauses.next(Duration::from_secs(1), has_changed);
            assert_eq!(pauses.0.as_secs(), 100, "at most one percent of the time");
        }
        for _ in 0..9 {
            pauses.next(quick, false);
        }
        assert!(pauses.0 <= LONGEST.max(Duration::from_secs(10)));
    }
}
