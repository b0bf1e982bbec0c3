//! How long an environment was paused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::status::Status;

/// How long an environment was paused since its start.
#[derive(Debug, Default)]
pub(crate) struct Pauses(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    total: Duration,
    since: Option<Instant>,
}

impl Pauses {
    /// The status of the environment has changed.
    pub(super) fn has_become(&self, status: Status) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = times.since.take() {
            times.total += since.elapsed();
        }
        times.since = (status == Status::Paused).then(Instant::now);
    }

    /// A new run begins.
    pub(super) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Times::default();
    }

    /// The sum of all pauses.
    pub(super) fn total(&self) -> Duration {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.total + times.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn pauses_are_added_until_the_next_start() {
        let pauses = Pauses::default();
        let second = Duration::from_secs(1);
        for _ in 0..2 {
            pauses.has_become(Status::Paused);
            sleep(second).await;
            pauses.has_become(Status::Running);
            sleep(second).await;
        }
        assert_eq!(pauses.total(), 2 * second);
        pauses.has_become(Status::Paused);
        sleep(second).await;
        assert_eq!(pauses.total(), 3 * second, "a pause that goes on");
        pauses.reset();
        assert_eq!(pauses.total(), Duration::ZERO);
    }
}
