//! Waits for several futures of one task.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::BoxFuture;

/// Waits for all of them; the first error ends the wait. The values are in the given order.
pub(crate) async fn all<T, E>(futures: Vec<BoxFuture<'_, Result<T, E>>>) -> Result<Vec<T>, E> {
    let mut running: Vec<_> = futures.into_iter().map(Some).collect();
    let mut values: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, value) in running.iter_mut().zip(&mut values) {
            let Some(pending) = future else { continue };
            match pending.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(done)) => (*value, *future) = (Some(done), None),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        match running.iter().all(Option::is_none) {
            true => Poll::Ready(Ok(values.iter_mut().filter_map(Option::take).collect())),
            false => Poll::Pending,
        }
    })
    .await
}

/// Waits for two futures.
pub(crate) async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none() {
            if let Poll::Ready(value) = one.as_mut().poll(cx) {
                first = Some(value);
            }
        }
        if second.is_none() {
            if let Poll::Ready(value) = other.as_mut().poll(cx) {
                second = Some(value);
            }
        }
        match first.is_some() && second.is_some() {
            true => first.take().zip(second.take()).map_or(Poll::Pending, Poll::Ready),
            false => Poll::Pending,
        }
    })
    .await
}

/// Waits for the first success; fails with the last error if all fail. The list is not empty.
pub(crate) async fn any<T, E>(mut futures: Vec<BoxFuture<'_, Result<T, E>>>) -> Result<T, E> {
    poll_fn(|cx| {
        let mut outcome = Poll::Pending;
        futures.retain_mut(|future| match future.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(done) => {
                if !matches!(outcome, Poll::Ready(Ok(_))) {
                    outcome = Poll::Ready(done);
                }
                false
            }
        });
        match outcome {
            Poll::Ready(Err(_)) if !futures.is_empty() => Poll::Pending,
            outcome => outcome,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(outcome: Option<bool>) -> BoxFuture<'static, Result<u8, u8>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match outcome {
                Some(true) => Ok(1),
                Some(false) => Err(2),
                None => std::future::pending().await,
            }
        })
    }

    async fn ends<T>(outcome: impl Future<Output = Result<T, u8>>) -> Option<bool> {
        let limit = std::time::Duration::from_millis(1);
        let ended = tokio::time::timeout(limit, outcome).await;
        ended.ok().map(|outcome| outcome.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_combined() {
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

    #[tokio::test]
    async fn values_are_in_the_given_order() {
        let late: BoxFuture<'_, Result<u8, ()>> = Box::pin(async {
            tokio::task::yield_now().await;
            Ok(1)
        });
        let values = all(vec![late, Box::pin(async { Ok(2) })]).await;
        assert_eq!(values, Ok(vec![1, 2]));
    }

    #[tokio::test]
    async fn both_wait_for_the_slower_one() {
        let late = async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            1
        };
        assert_eq!(both(late, async { 2 }).await, (1, 2));
        let late = async {
            tokio::task::yield_now().await;
            2
        };
        assert_eq!(both(async { 1 }, late).await, (1, 2));
    }
}
