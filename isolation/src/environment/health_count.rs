//! Counts failed health checks, and decides when the next check is due.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::spec::health::HealthSpec;

/// The pause after the first failed check.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The failed checks of one run.
///
/// The result is that of the Docker daemon: the checks of the start period do not count, and
/// failures in a row make the environment unhealthy. The daemon begins its first check after one
/// interval. Here, the first checks come earlier, so that success is noticed at once; such an early
/// check does not count if it fails.
#[derive(Debug)]
pub(super) struct HealthCount {
    interval: Duration,
    most: u32,
    failures: u32,
    /// A failed check counts if it began at this time or later; `None` is never.
    counts_from: Option<Instant>,
    /// The pause until the next check, before the first success.
    pause: Option<Duration>,
    /// The duration of the last check.
    took: Duration,
}

impl HealthCount {
    pub(super) fn new(health: &HealthSpec) -> Self {
        let interval = health.pause();
        let first = health.start_period.unwrap_or_default().max(interval);
        Self {
            interval,
            most: health.most_failures(),
            failures: 0,
            counts_from: Instant::now().checked_add(first),
            pause: Some(FIRST_PAUSE.min(interval)),
            took: Duration::ZERO,
        }
    }

    pub(super) fn has_succeeded(&mut self) {
        (self.failures, self.pause) = (0, None);
        // Every later failure counts.
        self.counts_from = Some(Instant::now());
    }

    /// Counts a failed check that began at this time.
    pub(super) fn has_failed(&mut self, began: Instant) {
        self.took = began.elapsed();
        if self.counts_from.is_some_and(|from| began >= from) {
            self.failures = self.failures.saturating_add(1);
            self.counts_from = Instant::now().checked_add(self.interval);
        }
    }

    pub(super) fn is_unhealthy(&self) -> bool {
        self.failures >= self.most
    }

    /// Waits until the next check is due.
    pub(super) async fn until_next(&mut self) {
        let Some(pause) = &mut self.pause else {
            return sleep(self.interval).await;
        };
        let early = *pause;
        *pause = pause.saturating_mul(2).min(self.interval);
        // An early check must not delay one that counts.
        let ends = Instant::now().checked_add(early.saturating_add(self.took));
        match self.counts_from.filter(|at| *at > Instant::now()) {
            Some(at) if ends.is_none_or(|ends| ends > at) => sleep_until(at).await,
            _ => sleep(early).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time at which checks that fail after `check` make an environment unhealthy.
    async fn unhealthy_after(health: HealthSpec, check: Duration) -> Duration {
        let began = Instant::now();
        let mut count = HealthCount::new(&health);
        loop {
            let at = Instant::now();
            sleep(check).await;
            count.has_failed(at);
            if count.is_unhealthy() {
                return began.elapsed();
            }
            count.until_next().await;
        }
    }

    fn health(interval: u64, retries: u32, start_period: Option<u64>) -> HealthSpec {
        HealthSpec {
            interval: Some(Duration::from_secs(interval)),
            retries: Some(retries),
            start_period: start_period.map(Duration::from_secs),
            ..HealthSpec::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_are_reported_at_once() {
        let none = Duration::ZERO;
        // Milliseconds are rounded up by the timer.
        let near = |took: Duration, seconds: f64| (took.as_secs_f64() - seconds).abs() < 0.1;
        for (interval, retries, start, check, expected) in [
            (1, 3, None, none, 3.0),
            (30, 3, None, none, 90.0),
            (1, 3, Some(10), none, 12.0),
            (30, 2, Some(5), none, 60.0),
            // As on Docker, the interval begins at the end of a check.
            (1, 2, None, Duration::from_millis(300), 2.6),
        ] {
            let took = unhealthy_after(health(interval, retries, start), check).await;
            assert!(near(took, expected), "{interval} {retries} {start:?}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn success_ends_the_start_period_and_the_count() {
        let mut count = HealthCount::new(&health(2, 2, Some(100)));
        count.has_failed(Instant::now());
        assert_eq!(count.failures, 0, "in the start period");
        count.has_succeeded();
        let began = Instant::now();
        count.until_next().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        count.has_failed(Instant::now());
        count.has_succeeded();
        for failures in 1..=2 {
            count.until_next().await;
            count.has_failed(Instant::now());
            assert_eq!(count.failures, failures);
        }
        assert!(count.is_unhealthy());
    }

    #[tokio::test(start_paused = true)]
    async fn start_period_without_an_end_never_counts() {
        let mut count = HealthCount::new(&HealthSpec {
            interval: Some(Duration::from_secs(1)),
            start_period: Some(Duration::MAX),
            ..HealthSpec::default()
        });
        for _ in 0..20 {
            count.has_failed(Instant::now());
            count.until_next().await;
        }
        assert_eq!(count.failures, 0);
    }
}
