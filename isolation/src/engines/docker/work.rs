//! Limits how many containers a daemon creates and starts at the same time: more than it can do at
//! once make each other slower.
//!
//! The limit holds for all managers of this process on the same daemon, and follows the throughput.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use engine_api::Docker;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::work_climb::Climb;
use super::{DockerEngine, owner};
use crate::engine::Engine;
use crate::events::Step;

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

/// The steps that began after a time.
#[derive(Debug)]
struct Window {
    since: Instant,
    done: u32,
    /// How long they took, together.
    took: Duration,
    of_kind: HashMap<Step, u32>,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self {
            since,
            done: 0,
            took: Duration::ZERO,
            of_kind: HashMap::new(),
        }
    }

    /// The kind of most steps; `None` for a mixture. A start takes much longer than a creation, so
    /// only throughputs of the same kind are compared.
    fn kind(&self) -> Option<Step> {
        let (step, count) = self.of_kind.iter().max_by_key(|(_, count)| **count)?;
        (4 * count >= 3 * self.done).then_some(*step)
    }
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

    pub(super) async fn enter(&self) -> Place<'_> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let _waiting = Waiting::new(self);
                // An error would mean that the semaphore is closed, which never happens.
                self.places.acquire().await.ok()
            }
        };
        Place {
            limit: self,
            permit,
            since: Instant::now(),
        }
    }

    /// Counts a step that is done, and chooses the next limit after enough of them.
    ///
    /// While somebody waits, as many steps are in flight as the limit allows. So the throughput
    /// follows from the mean duration of a step.
    fn measure(&self, step: Step, began: Instant) {
        let now = Instant::now();
        let mut state = self.lock();
        let Some((limit, enough)) = state.climb.as_ref().map(|climb| (climb.limit(), climb.window())) else {
            return;
        };
        if state.waiting == 0 {
            state.window = None;
            return;
        }
        let window = state.window.get_or_insert_with(|| Window::new(now));
        // An earlier step began at another limit.
        if began < window.since {
            return;
        }
        window.done += 1;
        window.took += now - began;
        *window.of_kind.entry(step).or_default() += 1;
        if window.done < enough || window.took.is_zero() {
            return;
        }
        let mean = window.took.as_secs_f64() / f64::from(window.done);
        let (kind, rate) = (window.kind(), limit as f64 / mean);
        state.window = Some(Window::new(now));
        let climb = state.climb.as_mut();
        let next = climb.map_or(limit, |climb| climb.next(kind, rate, now));
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
pub(super) struct Place<'a> {
    limit: &'a WorkLimit,
    permit: Option<SemaphorePermit<'a>>,
    since: Instant,
}

impl Place<'_> {
    pub(super) fn measure(self, step: Step) {
        self.limit.measure(step, self.since);
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    /// A daemon on which a step takes longer the more steps beyond `best` are in flight.
    #[derive(Debug)]
    struct Daemon {
        best: usize,
        /// By how much each step beyond the best number makes all of them slower.
        slower: f64,
        in_flight: Semaphore,
    }

    const PLACES: usize = 64;

    impl Daemon {
        fn new(best: usize, slower: f64) -> Arc<Self> {
            let in_flight = Semaphore::new(PLACES);
            Arc::new(Self {
                best,
                slower,
                in_flight,
            })
        }

        async fn step(&self, limit: &WorkLimit, step: Step, takes: Duration) {
            let place = limit.enter().await;
            let _one = self.in_flight.acquire().await;
            let others = PLACES - self.in_flight.available_permits();
            let slower = 1.0 + self.slower * others.saturating_sub(self.best) as f64;
            let shared = others.max(self.best) as f64 / self.best as f64;
            sleep(takes.mul_f64(slower * shared)).await;
            place.measure(step);
        }
    }

    async fn throughput(limit: &Arc<WorkLimit>, best: usize, steps: usize) -> f64 {
        let (daemon, began) = (Daemon::new(best, 0.25), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..steps {
            let (limit, daemon) = (Arc::clone(limit), Arc::clone(&daemon));
            tasks.spawn(async move {
                daemon.step(&limit, Step::Start, Duration::from_millis(100)).await;
            });
        }
        while tasks.join_next().await.is_some() {}
        steps as f64 / began.elapsed().as_secs_f64()
    }

    /// How long 50 environments take that are wanted at the same time: all are created before the
    /// first one starts, and a start takes much longer.
    async fn fifty(limit: &Arc<WorkLimit>, best: usize) -> Duration {
        let (daemon, began) = (Daemon::new(best, 0.06), Instant::now());
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let (limit, daemon) = (Arc::clone(limit), Arc::clone(&daemon));
            tasks.spawn(async move {
                let uneven = Duration::from_millis(number % 7);
                daemon
                    .step(&limit, Step::Create, Duration::from_millis(20) + uneven)
                    .await;
                daemon
                    .step(&limit, Step::Start, Duration::from_millis(200) + 5 * uneven)
                    .await;
            });
        }
        while tasks.join_next().await.is_some() {}
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn limit_of_a_burst_is_near_the_best() {
        for (cpus, best) in [(2, 8), (2, 4), (2, 6), (8, 16), (1, 4), (4, 12)] {
            let adaptive = Arc::new(WorkLimit::adaptive(Some(cpus)));
            let mut ours = Vec::new();
            for _ in 0..3 {
                ours.push(fifty(&adaptive, best).await);
            }
            for fixed in [1, 4, 8, 16] {
                let theirs = fifty(&Arc::new(WorkLimit::fixed(fixed)), best).await;
                assert!(
                    ours.iter().min().unwrap().as_secs_f64() < 1.10 * theirs.as_secs_f64(),
                    "{cpus} {best}: {ours:?}, {theirs:?} with {fixed}"
                );
            }
        }
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
    fn daemon_has_one_limit_in_a_process() {
        let one = WorkLimit::of_daemon("unix:///work-limit.sock", None);
        let same = WorkLimit::of_daemon("unix:///work-limit.sock", Some(8));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &WorkLimit::of_daemon("tcp://h:1", None)));
    }
}
