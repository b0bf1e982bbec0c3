//! Timeouts on futures, which cost nothing until a timeout is set and the future waits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Cause, Phase};

/// A limit that runs from [`Timer::start`]; it makes its clock only when first asked while waiting.
#[derive(Default)]
pub(crate) struct Timer {
    limit: Option<(Phase, Duration)>,
    end: Option<Instant>,
    clock: Clock,
}

/// A registration with the runtime's timers, worth keeping from one limit to the next: as long as
/// it rings early it need not be set to the later end, and limits hardly ever run out.
pub(crate) type Clock = Option<Pin<Box<Sleep>>>;

impl Timer {
    /// A limit of `after` on `phase`, from now on; `None` never ends.
    pub(crate) fn start(phase: Phase, after: Option<Duration>) -> Self {
        Self::with_clock(phase, after, None)
    }

    /// As [`Timer::start`], with the clock of an earlier timer in the same runtime.
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

    /// Begins anew, with the same limit.
    pub(crate) fn restart(&mut self) {
        self.end = self.limit.and_then(|(_, after)| from_now(after));
    }

    /// Fails once the limit has run out; for what need not wait, and so would never ask
    /// [`Timer::poll`].
    pub(crate) fn check(&self) -> Result<(), Cause> {
        match (self.limit, self.end) {
            (Some((phase, after)), Some(end)) if Instant::now() >= end => {
                Err(Cause::Timeout { phase, after })
            }
            _ => Ok(()),
        }
    }

    /// Whether the limit has run out; wakes the task when it does.
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

/// A point in time; `None` when it lies beyond all time, where no limit ends.
fn from_now(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}

/// Awaits `future` within the limits of `timers`, the first to run out decides.
///
/// The future is pinned by the caller: here it would be held twice, as argument and as variable.
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
