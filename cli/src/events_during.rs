//! Events that are handled while some work runs.

use isolation::{Event, Subscription};

/// Calls `handle` with the events of the work, all of them before its result. Events that were
/// missed are left out.
pub(crate) async fn events_during<T>(
    mut events: Subscription,
    work: impl Future<Output = T>,
    handle: impl FnMut(Event),
) -> T {
    during(async || events.next().await.map(Result::ok), work, handle).await
}

/// `next` gives `None` at the end of the events, and `Some(None)` instead of missed ones.
async fn during<E, T>(
    mut next: impl AsyncFnMut() -> Option<Option<E>>,
    work: impl Future<Output = T>,
    mut handle: impl FnMut(E),
) -> T {
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            // The events first: what happened is reported before the end that follows.
            biased;
            Some(event) = next() => event.into_iter().for_each(&mut handle),
            done = &mut work => break done,
        }
    };
    // The last events of the work have arrived already.
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::ZERO, next()).await {
        event.into_iter().for_each(&mut handle);
    }
    done
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    /// The events after missed ones are handled, and those that the work sends at its end.
    #[tokio::test]
    async fn events_after_missed_ones_are_handled() {
        let (sender, mut events) = mpsc::unbounded_channel();
        sender.send(None).unwrap();
        sender.send(Some(1)).unwrap();
        let mut handled = Vec::new();
        let (seen, mut has_seen) = mpsc::unbounded_channel();
        let work = async {
            // The event before is handled while the work waits.
            let first = has_seen.recv().await;
            sender.send(Some(2)).unwrap();
            first
        };
        let handle = |event: u32| {
            handled.push(event);
            seen.send(event).unwrap();
        };
        let done = during(async || events.recv().await, work, handle).await;
        assert_eq!((done, handled), (Some(1), vec![1, 2]));
    }

    #[tokio::test]
    async fn work_goes_on_after_the_last_event() {
        let work = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(during(async || None::<Option<u32>>, work, |_| ()).await, 7);
    }
}
