//! Events, sent to subscribers.

mod changes;
pub(crate) mod migration_step;
mod past;
pub(crate) mod pool_miss;
mod pull_progress;
pub(crate) mod rfc3339;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use self::changes::Changes;
use self::migration_step::MigrationStep;
pub use self::past::PastEvents;
use self::pool_miss::PoolMiss;
pub use self::pull_progress::PullProgress;
use crate::command::exit_status::ExitStatus;
use crate::counted::counted;
use crate::engine::capabilities::Feature;
use crate::engine::watch::Health;
use crate::environment::id::EnvironmentId;
use crate::error::ErrorKind;

/// The number of unread events of a subscriber after which it misses the oldest ones.
const BACKLOG: usize = 1024;

/// The number of events that are kept for reports of failures.
const HISTORY: usize = 2048;

/// An event. As JSON it is one object: `sequence`, `at`, `subject`, `type`, and the fields of its
/// kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Event {
    /// The number of the event in its manager, from 0. Subscribers receive events in this order; a
    /// gap means that events were missed.
    pub sequence: u64,
    /// The time of the event.
    #[cfg_attr(feature = "schema", schemars(with = "crate::protocol::schema::Moment"))]
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// Its subject.
    pub subject: Subject,
    /// The kind, with its details.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The subject of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// An environment.
    Environment {
        /// Its ID.
        id: EnvironmentId,
        /// Its name.
        name: String,
        /// The name of its engine.
        engine: String,
    },
    /// An engine.
    Engine {
        /// Its name.
        engine: String,
    },
    /// An image of an engine.
    Image {
        /// The name of the engine.
        engine: String,
        /// The name of the image.
        image: String,
    },
}

impl Subject {
    /// The name of the environment, of the engine or of the image.
    pub fn name(&self) -> &str {
        match self {
            Self::Environment { name, .. } => name,
            Self::Engine { engine } => engine,
            Self::Image { image, .. } => image,
        }
    }

    /// The ID of the environment; `None` for an engine or an image.
    pub fn environment_id(&self) -> Option<&EnvironmentId> {
        match self {
            Self::Environment { id, .. } => Some(id),
            Self::Engine { .. } | Self::Image { .. } => None,
        }
    }
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The engine was not chosen for an environment.
    Rejected {
        /// Why it was not chosen, and a hint.
        reason: String,
    },
    /// The engine was chosen for an environment.
    Chosen,
    /// The image is being pulled, or the pull has ended.
    Pull(PullProgress),
    /// A piece of the output of a build of the image.
    BuildOutput {
        /// The text.
        text: String,
    },
    /// The engine is about to create the environment. Its ID and name are in the subject.
    Creating,
    /// A step of a creation or a start was done, also one that failed.
    Step {
        /// The step.
        step: Step,
        /// How long it waited for other work on the engine. In JSON a number of seconds.
        #[cfg_attr(feature = "schema", schemars(with = "f64"))]
        #[serde(with = "crate::spec::units::seconds")]
        waited: Duration,
        /// How long the engine took for it. In JSON a number of seconds.
        #[cfg_attr(feature = "schema", schemars(with = "f64"))]
        #[serde(with = "crate::spec::units::seconds")]
        took: Duration,
    },
    /// The network of the environment has no addresses of the preferred subnet.
    SubnetUnavailable {
        /// Why.
        reason: String,
    },
    /// The environment was created.
    Created,
    /// The environment became ready for commands.
    Started,
    /// The environment was stopped, or its main process ended.
    Stopped,
    /// The main process ended.
    Exited {
        /// How it ended.
        exit: ExitStatus,
    },
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
    /// All its processes were paused.
    Paused,
    /// All its processes were resumed.
    Unpaused,
    /// It was renamed.
    Renamed {
        /// The new name.
        name: String,
    },
    /// Its limits were changed.
    Updated,
    /// A process was killed at the memory limit.
    OutOfMemory,
    /// Its files are larger than its disk limit, which is supervised; it was stopped.
    DiskLimitExceeded {
        /// The size of its files, in bytes.
        used: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The engine has warned about something.
    Warning {
        /// The warning.
        message: String,
    },
    /// The health check has another result.
    Health {
        /// The result.
        health: Health,
    },
    /// A signal was sent to the main process.
    Killed {
        /// The name or the number of the signal, if the engine reports it.
        signal: Option<String>,
    },
    /// The environment was restarted.
    Restarted,
    /// The engine may have missed events: the connection was lost. Events of changes follow.
    Gap,
    /// The environment was taken from the pool of prepared environments.
    PoolHit,
    /// An environment is created, because the pool has no prepared one.
    PoolMiss {
        /// The reason.
        reason: PoolMiss,
    },
    /// A step of its migration to another engine was done.
    Migrating {
        /// The step.
        step: MigrationStep,
    },
    /// An operation failed.
    Failed {
        /// The operation.
        operation: String,
        /// The kind of the error.
        kind: ErrorKind,
        /// The error message.
        message: String,
    },
    /// The daemon has closed the connection that ends the environment with this process, for
    /// example at a restart of the daemon. From now on, the environment stays after this process
    /// unless it is destroyed.
    OwnerConnectionLost,
    /// The engine cannot enforce one of its default limits: the environment runs without it. A
    /// limit of the specification is an error instead.
    DefaultLimitIgnored {
        /// The limit.
        limit: Feature,
        /// Why the engine cannot enforce it.
        reason: String,
    },
    /// A bundle of files about a failure was written.
    BundleWritten {
        /// The directory.
        directory: String,
    },
    /// Another process removed the environment.
    Lost,
    /// The environment was destroyed.
    Destroyed,
}

/// A step of an engine that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The creation of the environment's network.
    Network,
    /// The creation of the container.
    Create,
    /// The copies of the specification.
    Copy,
    /// The start of the container.
    Start,
    /// The wait until the environment is ready.
    Ready,
}

/// A subscriber was too slow and missed this many events, the oldest ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}; read them faster", counted(*.0, "event was missed", "events were missed"))]
pub struct Lagged(pub u64);

/// The events since the subscription. A slow subscriber delays no other one: it misses the oldest
/// events and gets their number.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Event>);

impl Subscription {
    /// The next event, or the number of events that were missed; `None` after the manager and the
    /// last handle of an environment were dropped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        match self.0.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(count)) => Some(Err(Lagged(count))),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The sending side.
#[derive(Debug, Clone)]
pub(crate) struct EventSink(Arc<Mutex<Channel>>);

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Event>,
    next: u64,
    changes: Changes,
    /// The last events, newest last.
    history: VecDeque<Event>,
}

impl Default for EventSink {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Channel {
            sender: broadcast::Sender::new(BACKLOG),
            next: 0,
            changes: Changes::default(),
            history: VecDeque::new(),
        })))
    }
}

impl EventSink {
    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.lock().sender.subscribe())
    }

    /// Whether the end of an environment was sent, as far as it is stored. Later reports of its
    /// engine describe its past.
    pub(crate) fn has_ended(&self, id: &EnvironmentId) -> bool {
        self.lock().changes.has_ended(id)
    }

    /// A handle of an environment with this ID was made. An earlier one with this ID may have
    /// ended.
    pub(crate) fn exists(&self, id: &EnvironmentId) {
        self.lock().changes.exists(id);
    }

    /// The last events of an environment, of engines and of images, oldest first.
    pub(crate) fn of(&self, id: &EnvironmentId) -> Vec<Event> {
        let channel = self.lock();
        let is_of = |event: &&Event| match &event.subject {
            Subject::Environment { id: other, .. } => other == id,
            _ => true,
        };
        channel.history.iter().filter(is_of).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event. Numbering and sending are atomic, so that the numbers arrive in order. A
    /// change that was already sent is not sent again.
    pub(crate) fn emit(&self, subject: Subject, kind: EventKind) {
        self.lock().emit(subject, kind);
    }

    /// Sends an event about an environment that its engine has reported, unless the end of the
    /// environment was sent: the report is older, or is about the same removal.
    pub(crate) fn emit_report(&self, subject: Subject, kind: EventKind) {
        let mut channel = self.lock();
        let id = subject.environment_id();
        if !id.is_some_and(|id| channel.changes.has_ended(id)) {
            channel.emit(subject, kind);
        }
    }
}

impl Channel {
    fn emit(&mut self, subject: Subject, kind: EventKind) {
        let id = subject.environment_id();
        if id.is_some_and(|id| !self.changes.admit(id, &kind)) {
            return;
        }
        if kind == EventKind::Gap {
            self.changes.missed();
        }
        let event = Event {
            sequence: self.next,
            at: SystemTime::now(),
            subject,
            kind,
        };
        self.next += 1;
        // A pull has hundreds of steps, and a build thousands of lines.
        let is_step = match &event.kind {
            EventKind::Pull(progress) => !progress.done,
            EventKind::BuildOutput { .. } => true,
            _ => false,
        };
        if !is_step {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(event.clone());
        }
        // An error only means that there are no subscribers.
        let _ = self.sender.send(event);
    }
}

#[cfg(test)]
mod tests;
