//! Limits how many containers a daemon creates and starts at the same time: more than it can do at
//! once make each other slower.
//!
//! The limit holds for all managers of this process on the same daemon, and follows the throughput.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use engine_api::Docker;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{DockerEngine, owner};
use crate::engine::Engine;
use crate::engine::context::Context;
use crate::events::{EventKind, Step, Subject};

/// The limits between which the throughput chooses.
const LADDER: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];

/// The highest limit at the start, and the one without knowledge of the daemon's CPUs.
const FIRST_MOST: usize = 8;
const FIRST_UNKNOWN: usize = 4;

/// A measurement counts at least so many steps.
const SMALLEST_WINDOW: u32 = 8;

/// How long a measurement is used; the load of the machine changes.
const FRESH: Duration = Duration::from_secs(30);

/// By how much a throughput must be higher: less is noise.
const BETTER: f64 = 1.05;

/// The limit of each daemon.
static LIMITS: Mutex<BTreeMap<String, Weak<WorkLimit>>> = Mutex::new(BTreeMap::new());

/// A limit on the steps in flight on one daemon.
#[derive(Debug)]
pub(super) struct WorkLimit {
    places: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` if the limit is fixed.
    climb: Option<Climb>,
    /// How many places disappear when they become free.
    surplus: usize,
    waiting: usize,
    /// The measurement in progress: only while somebody waits, so that the limit matters.
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    done: u32,
}

/// Who does steps, for the events of their durations.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    limit: Arc<WorkLimit>,
    context: Context,
    subject: Subject,
}

impl DockerEngine {
    /// Sets how many containers the daemon creates and starts for this engine at the same time. By
    /// default that number follows the throughput, begins with twice the daemon's number of CPUs,
    /// and holds for all engines of this process on the same daemon.
    #[must_use]
    pub fn with_work_limit(mut self, limit: NonZeroUsize) -> Self {
        self.work = OnceLock::from(Arc::new(WorkLimit::fixed(limit.get())));
        self
    }

    /// The limit of the work in flight on the daemon. One that other engines cannot reach has a
    /// limit of its own.
    pub(super) fn work(&self, docker: &Docker) -> &Arc<WorkLimit> {
        self.work.get_or_init(|| {
            let here = || std::thread::available_parallelism().ok().map(NonZeroUsize::get);
            let cpus = match self.daemon.get() {
                Some(daemon) => daemon.cpus(),
                None => owner::is_local(docker).then(here).flatten(),
            };
            match self.address() {
                Some(address) => WorkLimit::of_daemon(&address, cpus),
                None => Arc::new(WorkLimit::adaptive(cpus)),
            }
        })
    }
}

impl Steps {
    pub(super) fn new(limit: &Arc<WorkLimit>, context: &Context, subject: Subject) -> Self {
        let (limit, context) = (Arc::clone(limit), context.clone());
        Self {
            limit,
            context,
            subject,
        }
    }

    /// Does a step as soon as the limit allows it, and sends the event of its duration.
    pub(super) async fn run<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        let asked = Instant::now();
        let place = self.limit.enter().await;
        let waited = asked.elapsed();
        let done = self.timed(step, waited, work).await;
        place.measure();
        done
    }

    /// Does a step that is not limited, and sends the event of its duration.
    pub(super) async fn time<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        self.timed(step, Duration::ZERO, work).await
    }

    async fn timed<T>(&self, step: Step, waited: Duration, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        let took = began.elapsed();
        self.context
            .emit(self.subject.clone(), EventKind::Step { step, waited, took });
        done
    }
}

impl WorkLimit {
    /// A limit that follows the throughput.
    pub(super) fn adaptive(cpus: Option<usize>) -> Self {
        let climb = Climb::new(cpus);
        Self::new(climb.limit(), Some(climb))
    }

    /// A limit that does not change.
    pub(super) fn fixed(limit: usize) -> Self {
        Self::new(limit, None)
    }

    fn new(limit: usize, climb: Option<Climb>) -> Self {
        Self {
            places: Semaphore::new(limit),
            state: Mutex::new(State {
                climb,
                surplus: 0,
                waiting: 0,
                window: None,
            }),
        }
    }

    /// The limit of this process for the daemon at an address.
    pub(super) fn of_daemon(address: &str, cpus: Option<usize>) -> Arc<Self> {
        let mut limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
        limits.retain(|_, limit| limit.strong_count() > 0);
        if let Some(limit) = limits.get(address).and_then(Weak::upgrade) {
            return limit;
        }
        let limit = Arc::new(Self::adaptive(cpus));
        limits.insert(address.to_owned(), Arc::downgrade(&limit));
        limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn enter(&self) -> Place<'_> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let _waiting = Waiting::new(self);
                // An error would mean that the semaphore is closed, which never happens.
                self.places.acquire().await.ok()
            }
        };
        Place { limit: self, permit }
    }

    /// Counts a step that is done, and chooses the next limit after enough of them.
    fn measure(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(limit) = state.climb.as_ref().map(Climb::limit) else {
            return;
        };
        if state.waiting == 0 {
            state.window = None;
            return;
        }
        let window = state.window.get_or_insert(Window { since: now, done: 0 });
        // The first one only begins the window.
        let done = window.done;
        window.done += 1;
        let enough = u32::try_from(2 * limit).unwrap_or(u32::MAX).max(SMALLEST_WINDOW);
        let took = now - window.since;
        if done < enough || took.is_zero() {
            return;
        }
        let rate = f64::from(done) / took.as_secs_f64();
        state.window = None;
        let next = state.climb.as_mut().map_or(limit, |climb| climb.next(rate, now));
        match next.checked_sub(limit) {
            Some(more) => {
                let kept = more.min(state.surplus);
                state.surplus -= kept;
                self.places.add_permits(more - kept);
            }
            None => {
                let fewer = limit - next;
                state.surplus += fewer - self.places.forget_permits(fewer);
            }
        }
    }
}

/// Counts somebody who waits for a place, also if the wait is given up.
struct Waiting<'a>(&'a WorkLimit);

impl<'a> Waiting<'a> {
    fn new(limit: &'a WorkLimit) -> Self {
        limit.lock().waiting += 1;
        Self(limit)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A place for a step; free again when dropped.
struct Place<'a> {
    limit: &'a WorkLimit,
    permit: Option<SemaphorePermit<'a>>,
}

impl Place<'_> {
    fn measure(self) {
        self.limit.measure();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limit.lock();
        if state.surplus > 0 {
            if let Some(permit) = self.permit.take() {
                state.surplus -= 1;
                permit.forget();
            }
        }
    }
}

/// Climbs to the limit with the highest throughput, and follows it.
#[derive(Debug)]
struct Climb {
    /// The place on the ladder.
    at: usize,
    /// The throughput that was measured at each place, and when.
    rates: [Option<(f64, Instant)>; LADDER.len()],
}

impl Climb {
    fn new(cpus: Option<usize>) -> Self {
        let first = cpus.map_or(FIRST_UNKNOWN, |cpus| (2 * cpus).clamp(1, FIRST_MOST));
        let at = LADDER.iter().rposition(|limit| *limit <= first).unwrap_or(0);
        Self {
            at,
            rates: [None; LADDER.len()],
        }
    }

    fn limit(&self) -> usize {
        LADDER[self.at]
    }

    /// Takes in the throughput at the present limit, and returns the next limit.
    fn next(&mut self, rate: f64, now: Instant) -> usize {
        let known = |at: Option<usize>| {
            let (rate, measured) = self.rates.get(at?).copied().flatten()?;
            (now - measured < FRESH).then_some(rate)
        };
        let here = known(Some(self.at)).map_or(rate, |before| f64::midpoint(before, rate));
        let (down, up) = (
            self.at.checked_sub(1),
            Some(self.at + 1).filter(|at| *at < LADDER.len()),
        );
        let next = match (known(down), known(up)) {
            (Some(lower), _) if lower > here * BETTER => down,
            (_, Some(higher)) if higher > here * BETTER => up,
            (_, None) if up.is_some() => up,
            (None, _) => down,
            _ => None,
        };
        self.rates[self.at] = Some((here, now));
        self.at = next.unwrap_or(self.at);
        self.limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    /// A daemon on which a step takes longer the more steps beyond `best` are in flight.
    async fn throughput(limit: &Arc<WorkLimit>, best: usize, steps: usize) -> f64 {
        let (in_flight, began) = (Arc::new(Semaphore::new(64)), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..steps {
            let (limit, in_flight) = (Arc::clone(limit), Arc::clone(&in_flight));
            tasks.spawn(async move {
                let place = limit.enter().await;
                let _one = in_flight.acquire().await;
                let others = 64 - in_flight.available_permits();
                let slower = 1.0 + 0.25 * others.saturating_sub(best) as f64;
                sleep(Duration::from_millis(100).mul_f64(slower * others.max(best) as f64 / best as f64))
                    .await;
                place.measure();
            });
        }
        while tasks.join_next().await.is_some() {}
        steps as f64 / began.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn limit_follows_the_throughput() {
        for (cpus, best) in [(Some(1), 8), (Some(8), 2), (None, 4), (Some(2), 16)] {
            let adaptive = Arc::new(WorkLimit::adaptive(cpus));
            let ours = throughput(&adaptive, best, 2000).await;
            for fixed in [1, 4, 8, 16] {
                let theirs = throughput(&Arc::new(WorkLimit::fixed(fixed)), best, 2000).await;
                assert!(
                    ours > 0.9 * theirs,
                    "{cpus:?} {best}: {ours} < {theirs} with {fixed}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn limit_is_not_exceeded_while_it_changes() {
        let limit = Arc::new(WorkLimit::adaptive(Some(8)));
        throughput(&limit, 2, 500).await;
        let state = limit.lock();
        let places = limit.places.available_permits() - state.surplus;
        assert_eq!(Some(places), state.climb.as_ref().map(Climb::limit));
        assert_eq!(state.waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn step_that_is_given_up_frees_its_place() {
        let limit = Arc::new(WorkLimit::fixed(1));
        let held = limit.enter().await;
        let second = tokio::time::timeout(Duration::from_secs(1), limit.enter()).await;
        assert!(second.is_err());
        assert_eq!(limit.lock().waiting, 0);
        drop(held);
        drop(limit.enter().await);
        assert_eq!(limit.places.available_permits(), 1);
    }

    #[test]
    fn first_limit_is_twice_the_number_of_cpus() {
        for (cpus, limit) in [(Some(1), 2), (Some(2), 4), (Some(64), 8), (Some(0), 1), (None, 4)] {
            assert_eq!(Climb::new(cpus).limit(), limit, "{cpus:?}");
        }
    }

    #[test]
    fn daemon_has_one_limit_in_a_process() {
        let one = WorkLimit::of_daemon("unix:///work-limit.sock", None);
        let same = WorkLimit::of_daemon("unix:///work-limit.sock", Some(8));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &WorkLimit::of_daemon("tcp://h:1", None)));
    }
}
