//! Waits for all conditions, or for one of them.

use std::future::poll_fn;
use std::task::Poll;

use super::{Failed, Outcome};
use crate::BoxFuture;

/// Waits until all are true; the first failure ends the wait.
pub(super) async fn all(mut looks: Vec<BoxFuture<'_, Outcome>>) -> Outcome {
    poll_fn(|cx| {
        let mut failed = None;
        looks.retain_mut(|look| match look.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                failed = failed.take().or(outcome.err());
                false
            }
        });
        match failed {
            Some(failed) => Poll::Ready(Err(failed)),
            None if looks.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

/// Waits until one is true; fails with the last failure if none can become true.
pub(super) async fn any(mut looks: Vec<BoxFuture<'_, Outcome>>) -> Outcome {
    poll_fn(|cx| {
        let (mut ready, mut failed): (bool, Option<Failed>) = (false, None);
        looks.retain_mut(|look| match look.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => {
                ready = true;
                false
            }
            Poll::Ready(Err(error)) => {
                failed = Some(error);
                false
            }
        });
        match failed {
            _ if ready => Poll::Ready(Ok(())),
            Some(failed) if looks.is_empty() => Poll::Ready(Err(failed)),
            _ => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn look(outcome: Option<bool>) -> BoxFuture<'static, Outcome> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match outcome {
                Some(true) => Ok(()),
                Some(false) => Err(Failed::Error(Error::lost())),
                None => std::future::pending().await,
            }
        })
    }

    async fn ends(outcome: impl Future<Output = Outcome>) -> Option<bool> {
        let limit = std::time::Duration::from_millis(1);
        let ended = tokio::time::timeout(limit, outcome).await;
        ended.ok().map(|outcome| outcome.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn conditions_are_combined() {
        let looks = |outcomes: &[Option<bool>]| outcomes.iter().map(|one| look(*one)).collect::<Vec<_>>();
        for (outcomes, of_all, of_any) in [
            (vec![Some(true), Some(true)], Some(true), Some(true)),
            (vec![Some(true), Some(false)], Some(false), Some(true)),
            (vec![Some(false), None], Some(false), None),
            (vec![Some(true), None], None, Some(true)),
            (vec![Some(false), Some(false)], Some(false), Some(false)),
        ] {
            assert_eq!(ends(all(looks(&outcomes))).await, of_all, "all {outcomes:?}");
            assert_eq!(ends(any(looks(&outcomes))).await, of_any, "any {outcomes:?}");
        }
    }
}
