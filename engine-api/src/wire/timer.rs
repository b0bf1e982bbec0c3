//! Limits on futures, paid for only when a limit is set and the wait is real.

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
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// A limit of `after` on `phase`, from now on; `None` never ends.
    pub(crate) fn start(phase: Phase, after: Option<Duration>) -> Self {
        let end = after.map(|after| Instant::now() + after);
        Self {
            limit: after.map(|after| (phase, after)),
            end,
            sleep: None,
        }
    }

    /// Begins anew, with the same limit.
    pub(crate) fn restart(&mut self) {
        if let (Some((_, after)), Some(end)) = (self.limit, &mut self.end) {
            *end = Instant::now() + after;
            if let Some(sleep) = &mut self.sleep {
                sleep.as_mut().reset(*end);
            }
        }
    }

    /// Whether the limit has run out; wakes the task when it does.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        let (Some((phase, after)), Some(end)) = (self.limit, self.end) else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        sleep.as_mut().poll(cx).map(|()| Cause::Timeout { phase, after })
    }
}

/// Awaits `future` within the limits of `timers`, the first to run out decides.
pub(crate) async fn within<F: Future>(future: F, timers: &mut [&mut Timer]) -> Result<F::Output, Cause> {
    let mut future = std::pin::pin!(future);
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
