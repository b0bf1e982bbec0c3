//! Timeouts for engines: an engine that hangs causes only a short delay.
//!
//! There is no timeout for an engine that works. The timeout applies to an engine that does not
//! answer: during a call, the engine is asked for the state of the environment.

use std::cell::Cell;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::BoxFuture;
use crate::command::execution::{LimitKill, RunningProcess};
use crate::error::{Error, ErrorKind, Result};

/// The default time that an engine may not answer at the end of environments, in total for a
/// manager.
pub(crate) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that an engine may not answer during another call.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of a check whether an engine that did not answer is back.
const AGAIN: Duration = Duration::from_secs(1);

/// The time for which the result of such a check applies to later steps.
const LOOKED: Duration = Duration::from_millis(100);

thread_local! {
    static DROP_LIMIT: Cell<Duration> = const { Cell::new(CLEANUP_TIMEOUT) };
}

/// The time for which the cleanup of a drop tries an engine that does not answer.
pub(crate) fn drop_limit() -> Duration {
    DROP_LIMIT.get()
}

/// The end of the environments of a manager. One limit holds for all steps: kill, stop and destroy
/// of each environment.
#[derive(Debug)]
pub(crate) struct EndTimeout {
    limit: Duration,
    /// The time since which no step got an answer.
    silent_since: Mutex<Option<Instant>>,
    /// The end of the last check whether the engine is back.
    looked: Mutex<Option<Instant>>,
}

impl EndTimeout {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            silent_since: Mutex::new(None),
            looked: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remaining time in which the engine must answer; zero after the timeout.
    pub(crate) fn remaining(&self) -> Duration {
        match *self.lock() {
            Some(since) => self.limit.saturating_sub(since.elapsed()),
            None => self.limit,
        }
    }

    /// Asks an engine after the timeout. Consecutive steps ask once.
    async fn is_back<A: Future<Output = bool>>(&self, ask: impl Fn() -> A) -> bool {
        let looked = || self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked().is_some_and(|looked| looked.elapsed() < LOOKED) {
            return false;
        }
        let is_back = timeout(AGAIN, ask()).await == Ok(true);
        match is_back {
            true => *self.lock() = None,
            false => *looked() = Some(Instant::now()),
        }
        is_back
    }

    /// Awaits a step. The engine must answer after `grace`. `ask` asks the engine, and returns
    /// whether it answered.
    ///
    /// # Errors
    ///
    /// The errors of the work, and [`ErrorKind::Timeout`] if the engine does not answer.
    pub(crate) async fn step<T, A: Future<Output = bool>>(
        &self,
        grace: Duration,
        work: impl Future<Output = Result<T>>,
        ask: impl Fn() -> A,
    ) -> Result<T> {
        if self.remaining().is_zero() && !self.is_back(&ask).await {
            return Err(silent(self.limit));
        }
        self.try_step(grace, work, ask).await
    }

    async fn try_step<T, A: Future<Output = bool>>(
        &self,
        grace: Duration,
        work: impl Future<Output = Result<T>>,
        ask: impl Fn() -> A,
    ) -> Result<T> {
        let begin = Instant::now() + grace;
        let since = *self.lock().get_or_insert(begin);
        let deadline = (since + self.limit).max(begin + AGAIN);
        let asking = || {
            let asked = ask();
            async move {
                let answers = asked.await;
                if answers {
                    *self.lock() = Some(Instant::now());
                }
                answers
            }
        };
        let done = while_answering(deadline, self.limit, work, asking).await;
        let is_silent = |error: &Error| matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable);
        if !done.as_ref().is_err_and(is_silent) {
            *self.lock() = None;
        }
        done
    }
}

impl LimitKill for EndTimeout {
    fn drop_within(&self, process: Box<dyn RunningProcess>) {
        let usual = DROP_LIMIT.replace(self.remaining());
        drop(process);
        DROP_LIMIT.set(usual);
    }

    fn limited<'a>(&'a self, kill: BoxFuture<'a, Result<()>>) -> BoxFuture<'a, Result<()>> {
        // The kill itself shows whether the engine is back.
        Box::pin(self.try_step(Duration::ZERO, kill, || ready(false)))
    }
}

pub(crate) fn silent(limit: Duration) -> Error {
    let text = format!("the engine has not answered for {:.1} s", limit.as_secs_f64());
    Error::new(ErrorKind::Timeout, text)
}

/// Awaits the work for as long as the engine answers at least once in `limit`.
pub(crate) async fn answered<T, A: Future<Output = bool>>(
    limit: Duration,
    work: impl Future<Output = Result<T>>,
    ask: impl Fn() -> A,
) -> Result<T> {
    while_answering(Instant::now() + limit, limit, work, ask).await
}

async fn while_answering<T, A: Future<Output = bool>>(
    mut deadline: Instant,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
    ask: impl Fn() -> A,
) -> Result<T> {
    let silence = async {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            sleep_until(deadline - left / 2).await;
            if timeout_at(deadline, ask()).await != Ok(true) {
                sleep_until(deadline).await;
                break;
            }
            deadline = Instant::now() + limit;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = silence => Err(silent(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn hangs() -> bool {
        pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn silent_engine_is_given_up_once_for_all_steps() {
        let end_timeout = EndTimeout::new(Duration::from_secs(5));
        let began = Instant::now();
        for _ in 0..10 {
            let step = end_timeout.step(Duration::ZERO, pending::<Result<()>>(), hangs);
            assert_eq!(step.await.unwrap_err().kind(), ErrorKind::Timeout);
        }
        let took = began.elapsed().as_secs();
        assert_eq!(took, 6, "5 s for the first, 1 s for all others");
        assert_eq!(end_timeout.remaining(), Duration::ZERO);
        // An answer restarts the timeout.
        tokio::time::sleep(LOOKED).await;
        let slow = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        };
        end_timeout
            .step(Duration::ZERO, slow, || ready(true))
            .await
            .unwrap();
        assert_eq!(end_timeout.remaining(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_engine_that_answers_is_waited_for() {
        let end_timeout = EndTimeout::new(Duration::from_secs(5));
        let slow = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        };
        end_timeout
            .step(Duration::ZERO, slow, || ready(true))
            .await
            .unwrap();
        let asked = AtomicU32::new(0);
        let answers_twice = || ready(asked.fetch_add(1, Ordering::Relaxed) < 2);
        let began = Instant::now();
        let step = end_timeout.step(Duration::from_secs(7), pending::<Result<()>>(), answers_twice);
        step.await.unwrap_err();
        // Asked after 6 s, 8.5 s and 11 s; no answer for 5 s since the last answer.
        assert_eq!(began.elapsed().as_secs(), 13);
    }
}
