//! Events of environments, sent to subscribers.

use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::command::exit_status::ExitStatus;
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;

/// How many events a subscriber may lag behind before it misses the oldest ones.
const BACKLOG: usize = 1024;

/// An event of an environment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The time of the event.
    pub at: SystemTime,
    /// The ID of the environment.
    pub environment: EnvironmentId,
    /// The name of the environment.
    pub name: String,
    /// The name of the engine.
    pub engine: String,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The environment was created.
    Created,
    /// It became ready for commands.
    Activated,
    /// A command started.
    CommandStarted {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// A command ended.
    CommandEnded {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How it ended.
        exit: ExitStatus,
    },
    /// A command was killed because its execution was dropped.
    CommandAbandoned {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// An operation failed.
    Failed {
        /// The operation.
        operation: String,
        /// The error message.
        message: String,
    },
    /// The environment was destroyed.
    Destroyed,
}

/// The item of a [`Subscription`].
#[derive(Debug, Clone)]
pub enum Received {
    /// An event.
    Event(Event),
    /// The number of events that this subscriber missed because it was too slow.
    Missed(u64),
}

/// The events since the subscription. A slow subscriber does not delay others: it misses the oldest
/// events and gets their number.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Event>);

impl Subscription {
    /// The next event; `None` after the manager was dropped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvError::Lagged(count)) => Some(Received::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The sending side.
#[derive(Debug, Clone)]
pub(crate) struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Events {
    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }

    pub(crate) fn emit(&self, environment: &dyn Environment, kind: EventKind) {
        let event = Event {
            at: SystemTime::now(),
            environment: environment.id().clone(),
            name: environment.name().to_owned(),
            engine: environment.engine().to_owned(),
            kind,
        };
        // An error only means that there are no subscribers.
        let _ = self.0.send(event);
    }
}
