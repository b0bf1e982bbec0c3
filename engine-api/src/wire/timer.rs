//! Timeouts on futures. They have no cost until a timeout is set and the future waits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Cause, Phase};

/// A timeout that starts at [`Timer::start`]. Its clock is created at the first poll that waits.
#[derive(Default)]
pub(crate) struct Timer {
    limit: Option<(Phase, Duration)>,
    end: Option<Instant>,
    clock: Clock,
}

/// A registration with the runtime's timers, which is reused for the next timeout. While it expires
/// early, it is not moved to the later end, because timeouts rarely expire.
pub(crate) type Clock = Option<Pin<Box<Sleep>>>;

impl Timer {
    /// A timeout of `after` for `phase`, from now on; `None` never expires.
    pub(crate) fn start(phase: Phase, after: Option<Duration>) -> Self {
        Self::with_clock(phase, after, None)
    }

    /// Like [`Timer::start`], with the clock of an earlier timer in the same runtime.
    pub(crate) fn with_clock(phase: Phase, after: Option<Duration>, clock: Clock) -> Self {
        Self {
            limit: after.map(|after| (phase, after)),
            end: after.and_then(from_now),
            clock,
        }
    }

    /// The clock, for another timer.
    pub(crate) fn into_clock(self) -> Clock {
        self.clock
    }

    /// Starts again, with the same timeout.
    pub(crate) fn restart(&mut self) {
        self.end = self.limit.and_then(|(_, after)| from_now(after));
    }

    /// Fails after the timeout. This is for code that does not wait, and so never calls
    /// [`Timer::poll`].
    pub(crate) fn check(&self) -> Result<(), Cause> {
        match (self.limit, self.end) {
            (Some((phase, after)), Some(end)) if Instant::now() >= end => {
                Err(Cause::Timeout { phase, after })
            }
            _ => Ok(()),
        }
    }

    /// Whether the timeout has expired; wakes the task when it expires.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        let (Some((phase, after)), Some(end)) = (self.limit, self.end) else {
            return Poll::Pending;
        };
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if clock.deadline() > end {
            clock.as_mut().reset(end);
        }
        while clock.as_mut().poll(cx).is_ready() {
            if clock.deadline() >= end {
                return Poll::Ready(Cause::Timeout { phase, after });
            }
            clock.as_mut().reset(end);
        }
        Poll::Pending
    }
}

/// The point in time; `None` if it is too far away to be represented, so that the timeout never
/// expires.
fn from_now(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}

/// Awaits `future` within the timeouts of `timers`; the first one to expire counts.
///
/// The caller pins the future: here it would exist twice, as argument and as variable.
pub(crate) async fn within<F: Future>(
    mut future: Pin<&mut F>,
    timers: &mut [&mut Timer],
) -> Result<F::Output, Cause> {
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        for timer in timers.iter_mut() {
            if let Poll::Ready(cause) = timer.poll(cx) {
                return Poll::Ready(Err(cause));
            }
        }
        Poll::Pending
    })
    .await
}
