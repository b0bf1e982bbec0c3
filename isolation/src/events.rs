//! What happens to environments, told to whoever listens.

use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::command::ExitStatus;
use crate::environment::Environment;
use crate::id::EnvironmentId;

/// How many events a subscriber may lag behind before it misses the oldest.
const BACKLOG: usize = 1024;

/// Something that happened to an environment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// To which environment.
    pub environment: EnvironmentId,
    /// Its name.
    pub name: String,
    /// The name of its engine.
    pub engine: String,
    /// What.
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It was made.
    Created,
    /// It became ready for commands.
    Activated,
    /// A command started in it.
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
    /// A command was killed because nobody waited for its end any more.
    CommandAbandoned {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// Something in it failed.
    Failed {
        /// What was being done.
        operation: String,
        /// What went wrong.
        message: String,
    },
    /// Nothing of it is left.
    Destroyed,
}

/// What a [`Subscription`] brings.
#[derive(Debug, Clone)]
pub enum Received {
    /// An event.
    Event(Event),
    /// This many events were missed, because they were not taken in time.
    Missed(u64),
}

/// Events from the moment of subscription on. A subscriber that is slow holds up nobody: it misses the
/// oldest events, and is told how many.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Event>);

impl Subscription {
    /// The next event; `None` when the manager is gone. Dropping the future loses nothing.
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
        // An error only says that nobody listens.
        let _ = self.0.send(event);
    }
}
