//! Events of the past, which an engine has stored.

use std::time::SystemTime;

use super::changes::Changes;
use super::{Event, EventKind, Subject};
use crate::engine::watch::{Item, Observed, Received, Watching};
use crate::error::{Error, ErrorKind, Result};

/// The events in the environments of an engine since a time:
/// [`Manager::past_events`](crate::Manager::past_events).
#[derive(Debug)]
pub struct PastEvents {
    engine: String,
    received: Received,
    changes: Changes,
    sequence: u64,
    _watching: Watching,
}

impl PastEvents {
    pub(crate) fn new(engine: &str, received: Received, watching: Watching) -> Self {
        Self {
            engine: engine.to_owned(),
            received,
            changes: Changes::default(),
            sequence: 0,
            _watching: watching,
        }
    }

    /// The next event, with the time at which it happened; `None` after the last one. Its number
    /// counts the events of this value.
    ///
    /// # Errors
    ///
    /// If the engine can report no more events. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            let (at, subject, kind) = match self.received.next().await? {
                Item::Report(report, at) => {
                    let kind = EventKind::from(report.observed);
                    if !self.changes.admit(&report.id, &kind) {
                        continue;
                    }
                    let subject = Subject::Environment {
                        id: report.id,
                        name: report.name,
                        engine: self.engine.clone(),
                    };
                    (at.unwrap_or_else(SystemTime::now), subject, kind)
                }
                Item::Gap => {
                    self.changes.missed();
                    let engine = self.engine.clone();
                    (SystemTime::now(), Subject::Engine { engine }, EventKind::Gap)
                }
                Item::Ended(why) => {
                    let error = Error::new(ErrorKind::Engine, why);
                    return Some(Err(error.during("read the events of the engine", &self.engine)));
                }
            };
            let event = Event {
                sequence: self.sequence,
                at,
                subject,
                kind,
            };
            self.sequence += 1;
            return Some(Ok(event));
        }
    }
}

impl From<Observed> for EventKind {
    fn from(observed: Observed) -> Self {
        match observed {
            Observed::Started => Self::Started,
            Observed::Stopped => Self::Stopped,
            Observed::Exited(exit) => Self::Exited { exit },
            Observed::Removed => Self::Destroyed,
            Observed::Paused => Self::Paused,
            Observed::Unpaused => Self::Unpaused,
            Observed::Renamed(name) => Self::Renamed { name },
            Observed::OutOfMemory => Self::OutOfMemory,
            Observed::Health(health) => Self::Health { health },
            Observed::Killed(signal) => Self::Killed { signal },
            Observed::Restarted => Self::Restarted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::watch::{Report, reports};
    use crate::environment::id::EnvironmentId;

    fn past(received: Received) -> PastEvents {
        let watching = Watching::new(tokio::spawn(std::future::pending()));
        PastEvents::new("docker", received, watching)
    }

    fn started(id: &EnvironmentId) -> Report {
        Report {
            id: id.clone(),
            name: "web".into(),
            observed: Observed::Started,
        }
    }

    #[tokio::test]
    async fn event_that_was_reported_twice_is_one() {
        let (reports, received) = reports();
        let mut past = past(received);
        let id = EnvironmentId::random();
        let at = SystemTime::UNIX_EPOCH;
        for _ in 0..2 {
            reports.send_past(started(&id), at).await;
        }
        let first = past.next().await.unwrap().unwrap();
        assert_eq!(
            (first.kind, first.at, first.sequence),
            (EventKind::Started, at, 0)
        );
        // A missed event may have changed the state: the same report counts again.
        reports.gap();
        reports.send(started(&id));
        drop(reports);
        let gap = past.next().await.unwrap().unwrap();
        assert_eq!((gap.kind, gap.sequence), (EventKind::Gap, 1));
        assert_eq!(gap.subject.name(), "docker");
        let again = past.next().await.unwrap().unwrap();
        assert_eq!((again.kind, again.sequence), (EventKind::Started, 2));
        assert!(past.next().await.is_none());
    }

    #[tokio::test]
    async fn end_of_the_reports_is_an_error() {
        let (reports, received) = reports();
        let mut past = past(received);
        reports.ended("the connection is lost");
        drop(reports);
        let error = past.next().await.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read the events of the engine docker: the connection is lost"
        );
        assert!(past.next().await.is_none());
    }
}
