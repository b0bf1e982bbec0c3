//! The steps of an environment's creation and start: limited, and with an event of their duration.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::work::WorkLimit;
use crate::engine::context::Context;
use crate::events::{EventKind, Step, Subject};

/// The subject of steps, for the events of their durations.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    limit: Arc<WorkLimit>,
    context: Context,
    subject: Subject,
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
        place.measure(step);
        done
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Sends a warning about the environment.
    pub(super) fn warn(&self, message: &str) {
        let message = message.to_owned();
        self.emit(EventKind::Warning { message });
    }

    /// Sends an event of the environment.
    pub(super) fn emit(&self, kind: EventKind) {
        self.context.emit(self.subject.clone(), kind);
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
