//! Samples the metrics of a running environment periodically, for its history.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::shared::Shared;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_secs(10);

/// Samples until the environment no longer runs, or is dropped.
pub(super) fn begin(shared: &Arc<Shared>) {
    if shared.instance.metrics().is_none() || shared.history.sampled().swap(true, Ordering::AcqRel) {
        return;
    }
    let environment = Arc::downgrade(shared);
    let history = shared.history.clone();
    shared.tasks.spawn(async move {
        run(environment).await;
        history.sampled().store(false, Ordering::Release);
    });
}

async fn run(environment: Weak<Shared>) {
    loop {
        sleep(INTERVAL).await;
        let Some(shared) = environment
            .upgrade()
            .filter(|shared| shared.status().is_running())
        else {
            return;
        };
        // A failed sample is skipped; another task reports the end of the environment.
        let sampled = async { shared.instance.metrics()?.sample().await.ok() };
        if let Some(mut sample) = sampled.await {
            shared.has_measured(&mut sample);
        }
    }
}
