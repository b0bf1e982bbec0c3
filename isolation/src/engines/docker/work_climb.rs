//! Climbs to the limit of work in flight with the highest throughput, and follows it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::events::Step;

/// The limits between which the throughput chooses.
const LADDER: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

/// The highest limit at the start, and the one without knowledge of the daemon's CPUs.
const FIRST_MOST: usize = 8;
const FIRST_UNKNOWN: usize = 4;

/// A measurement counts at least and at most so many steps: twice the limit, between these.
const WINDOW: (usize, usize) = (8, 16);

/// How long a measurement is used. If the load of the machine changes earlier, the next one at the
/// same place shows it.
const FRESH: Duration = Duration::from_secs(300);

/// By how much a throughput must be higher: less is noise.
const BETTER: f64 = 1.05;

/// The throughput that was measured at each place of the ladder, and when.
type Rates = [Option<(f64, Instant)>; LADDER.len()];

/// The way to the best limit.
#[derive(Debug)]
pub(super) struct Climb {
    /// The place on the ladder.
    at: usize,
    /// Whether the limit is still doubled, up to the highest first one: short measurements show
    /// little, and too few steps in flight cost more than too many.
    rises: bool,
    /// By the kind of the steps.
    rates: HashMap<Option<Step>, Rates>,
}

impl Climb {
    pub(super) fn new(cpus: Option<usize>) -> Self {
        let first = cpus.map_or(FIRST_UNKNOWN, |cpus| (2 * cpus).clamp(1, FIRST_MOST));
        Self {
            at: place(first),
            rises: first < FIRST_MOST,
            rates: HashMap::new(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        LADDER[self.at]
    }

    /// The number of steps after which the next limit is chosen.
    pub(super) fn window(&self) -> u32 {
        let steps = match self.rises {
            true => self.limit(),
            false => (2 * self.limit()).clamp(WINDOW.0, WINDOW.1),
        };
        u32::try_from(steps).unwrap_or(u32::MAX)
    }

    /// Takes in the throughput of steps of one kind at the present limit, and returns the next
    /// limit. Throughputs of different kinds are not compared.
    pub(super) fn next(&mut self, kind: Option<Step>, rate: f64, now: Instant) -> usize {
        if self.rises {
            self.at = place((2 * self.limit()).min(FIRST_MOST));
            self.rises = self.limit() < FIRST_MOST;
            return self.limit();
        }
        let rates = self.rates.entry(kind).or_insert([None; LADDER.len()]);
        let known = |at: Option<usize>| {
            let (rate, measured) = rates.get(at?).copied().flatten()?;
            (now - measured < FRESH).then_some(rate)
        };
        let here = known(Some(self.at)).map_or(rate, |before| f64::midpoint(before, rate));
        let (down, up) = (
            self.at.checked_sub(1),
            Some(self.at + 1).filter(|at| *at < LADDER.len()),
        );
        // A higher limit is tried if the way to this one was up and better, or below the highest
        // first limit; otherwise a lower one, which costs fewer steps.
        let rises = match known(down) {
            Some(lower) => here > lower * BETTER,
            None => LADDER[self.at] < FIRST_MOST,
        };
        let next = match (known(down), known(up)) {
            (Some(lower), _) if lower > here * BETTER => down,
            (_, Some(higher)) if higher > here * BETTER => up,
            (_, None) if up.is_some() && rises => up,
            (None, _) => down,
            _ => None,
        };
        rates[self.at] = Some((here, now));
        self.at = next.unwrap_or(self.at);
        self.limit()
    }
}

/// The place of the highest limit on the ladder that is not above this one.
fn place(limit: usize) -> usize {
    LADDER.iter().rposition(|known| *known <= limit).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_limit_is_twice_the_number_of_cpus() {
        for (cpus, limit) in [(Some(1), 2), (Some(2), 4), (Some(64), 8), (Some(0), 1), (None, 4)] {
            assert_eq!(Climb::new(cpus).limit(), limit, "{cpus:?}");
        }
    }

    #[test]
    fn limit_is_doubled_at_first() {
        let (mut climb, now) = (Climb::new(Some(1)), Instant::now());
        assert_eq!(climb.window(), 2);
        assert_eq!(climb.next(None, 9.0, now), 4);
        assert_eq!(climb.next(None, 1.0, now), 8);
        assert_eq!(climb.window(), 16);
    }

    #[test]
    fn limit_rises_while_that_is_better() {
        let (mut climb, now) = (Climb::new(Some(4)), Instant::now());
        let mut next = |rate: f64| climb.next(None, rate, now);
        assert_eq!((next(9.0), next(8.0)), (6, 8), "a lower limit is not better");
        assert_eq!(
            (next(9.0), next(10.0)),
            (12, 16),
            "each is better than the one below"
        );
        assert_eq!((next(10.1), next(10.0)), (16, 16), "the highest is as good");
        assert_eq!((next(5.0), next(10.0)), (12, 12));
    }

    #[test]
    fn kinds_of_steps_are_not_compared() {
        let (mut climb, now) = (Climb::new(Some(4)), Instant::now());
        assert_eq!(climb.next(Some(Step::Create), 100.0, now), 6);
        // Slower than every creation, and no reason to go further down.
        assert_eq!(climb.next(Some(Step::Start), 9.0, now), 8);
        assert_eq!(climb.next(Some(Step::Start), 5.0, now), 6);
        assert_eq!(climb.next(Some(Step::Start), 9.0, now), 4);
    }
}
