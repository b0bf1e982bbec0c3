//! Listen to events across broken connections and restarts of the engine.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

use super::System;
use super::events::{Event, ListenEvents};
use crate::client::Docker;
use crate::common::Timestamp;
use crate::error::{Error, Result};
use crate::wire::stream::JsonLines;

impl System<'_> {
    /// Listens to events like [`System::events`], and reconnects after a broken connection or a
    /// restart of the engine.
    ///
    /// After each reconnection, an [`EventOrGap::Gap`] reports that events may be missing. No event
    /// is returned twice, unless the engine repeats more than 10,000 events.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::system::EventOrGap;
    ///
    /// let system = docker.system();
    /// let mut events = system.resilient_events(Default::default(), Default::default()).await?;
    /// while let Some(item) = events.next().await {
    ///     match item? {
    ///         EventOrGap::Event(event) => println!("{} {}", event.verb(), event.actor.id),
    ///         EventOrGap::Gap { from, to } => println!("events may be missing: {from} to {to}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the first connection fails; only later connections are retried.
    pub async fn resilient_events(
        &self,
        options: ListenEvents,
        resume: ReconnectOptions,
    ) -> Result<ResilientEvents> {
        let began = options.since.unwrap_or_else(|| SystemTime::now().into());
        let stream = self.events(options.clone()).await?;
        Ok(ResilientEvents {
            docker: self.docker.clone(),
            options,
            resume,
            stream: Some(stream),
            lost: None,
            heard: Memory::new(began, resume.overlap),
            ended: false,
        })
    }
}

/// How to reconnect after a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconnectOptions {
    /// The time before the last event at which the new stream starts, because events may be out of
    /// order. Events that were already returned are skipped. Default: 1 second.
    pub overlap: Duration,
    /// Timeout for an unreachable engine; `None` for no timeout. Default: 5 minutes.
    pub timeout: Option<Duration>,
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self {
            overlap: Duration::from_secs(1),
            timeout: Some(Duration::from_secs(300)),
        }
    }
}

/// An item of [`ResilientEvents`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventOrGap {
    /// An event.
    Event(Event),
    /// The connection was lost, and the engine replies again. The events of the gap that the engine
    /// still has stored follow; a restarted engine has stored no events.
    Gap {
        /// The time of the last event before the gap, or the time of the start, by the engine's
        /// clock.
        from: Timestamp,
        /// The time at which the engine replied again, by the clock of this machine.
        to: Timestamp,
    },
}

/// Events of an engine, over all its connections; see [`System::resilient_events`].
#[derive(Debug)]
pub struct ResilientEvents {
    docker: Docker,
    options: ListenEvents,
    resume: ReconnectOptions,
    /// `None` while the client is not connected.
    stream: Option<JsonLines<Event>>,
    lost: Option<Lost>,
    /// The position at which to continue.
    heard: Memory,
    ended: bool,
}

impl ResilientEvents {
    /// Returns the next event or gap; `None` after the time `until`. Cancel-safe: a dropped `next`
    /// loses no event.
    ///
    /// # Errors
    ///
    /// An error that is not transient, or an engine that was unreachable for longer than
    /// [`ReconnectOptions::timeout`]. The stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<EventOrGap>> {
        while !self.ended {
            let Some(stream) = &mut self.stream else {
                match self.find_again().await {
                    Ok(Some(gap)) => return Some(Ok(gap)),
                    Ok(None) => continue,
                    Err(error) => {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
            };
            match stream.next().await {
                Some(Ok(event)) if self.heard.is_new(&event) => return Some(Ok(EventOrGap::Event(event))),
                Some(Ok(_)) => {}
                Some(Err(error)) if can_retry(&error) => self.lose(error),
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                // A stopped engine ends its streams without an error.
                None if self.options.until.is_none() => {
                    self.lose(Error::protocol("the engine ended its events"))
                }
                None => self.ended = true,
            }
        }
        None
    }

    fn lose(&mut self, why: Error) {
        self.stream = None;
        self.lost = Some(Lost::new(why));
    }

    /// Tries once to reconnect; `None` if the attempt failed and may be retried.
    async fn find_again(&mut self) -> Result<Option<EventOrGap>> {
        if let Some(lost) = self.lost.take_if(|lost| lost.for_good(self.resume.timeout)) {
            return Err(lost.why);
        }
        sleep_until(self.lost.as_ref().map_or_else(Instant::now, |lost| lost.next_try)).await;
        let options = ListenEvents {
            since: Some(self.heard.resume_at()),
            ..self.options.clone()
        };
        match self.docker.system().events(options).await {
            Ok(stream) => {
                self.stream = Some(stream);
                self.lost = None;
                Ok(Some(EventOrGap::Gap {
                    from: self.heard.newest(),
                    to: SystemTime::now().into(),
                }))
            }
            Err(error) if can_retry(&error) => {
                if let Some(lost) = &mut self.lost {
                    lost.missed(error);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// An engine that is unreachable.
#[derive(Debug)]
struct Lost {
    since: Instant,
    /// An instant instead of a pause, so that it also passes if the caller repeatedly drops `next`.
    next_try: Instant,
    /// The pause before the next attempt: longer each time, up to some seconds.
    pause: Duration,
    /// The error of the lost connection, or of the last attempt.
    why: Error,
}

impl Lost {
    fn new(why: Error) -> Self {
        let now = Instant::now();
        let pause = Duration::from_millis(100);
        Self {
            since: now,
            next_try: now + pause,
            pause,
            why,
        }
    }

    fn missed(&mut self, why: Error) {
        self.why = why;
        self.pause = (self.pause * 2).min(Duration::from_secs(5));
        self.next_try = Instant::now() + self.pause;
    }

    /// Whether the next attempt would be after the timeout.
    fn for_good(&self, timeout: Option<Duration>) -> bool {
        timeout.is_some_and(|timeout| self.next_try - self.since > timeout)
    }
}

/// Whether another attempt can succeed: the engine is unreachable, or starts.
fn can_retry(error: &Error) -> bool {
    error.is_transient() || error.is_timeout()
}

/// The maximum number of recent events in memory. If the engine repeats more events after a
/// reconnection, the older ones are returned twice.
const MOST_REMEMBERED: usize = 10_000;

/// The recent events, which an engine may repeat.
#[derive(Debug)]
struct Memory {
    /// The start, by this machine's clock. It is used only until an event shows the engine's clock.
    began: Timestamp,
    /// The time of the last event, in nanoseconds since 1970.
    newest: Option<i64>,
    overlap: i64,
    /// The time of each event, and a hash that distinguishes it from other events of that time.
    recent: VecDeque<(i64, u64)>,
    hasher: RandomState,
}

impl Memory {
    fn new(began: Timestamp, overlap: Duration) -> Self {
        Self {
            began,
            newest: None,
            overlap: i64::try_from(overlap.as_nanos()).unwrap_or(i64::MAX),
            recent: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// Whether the event is new. A new event is stored.
    fn is_new(&mut self, event: &Event) -> bool {
        let hash = self
            .hasher
            .hash_one((&event.kind, &event.action, &event.actor.id));
        let this = (event.time_nano, hash);
        if self.recent.iter().rev().any(|known| *known == this) {
            return false;
        }
        let newest = self
            .newest
            .map_or(event.time_nano, |newest| newest.max(event.time_nano));
        self.newest = Some(newest);
        let oldest = newest.saturating_sub(self.overlap);
        self.recent.retain(|(time, ..)| *time >= oldest);
        if self.recent.len() == MOST_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(this);
        true
    }

    fn newest(&self) -> Timestamp {
        self.newest
            .map_or(self.began, |nanos| Timestamp::from_nanos(nanos.into()))
    }

    fn resume_at(&self) -> Timestamp {
        Timestamp::from_nanos(self.newest().as_nanos() - i128::from(self.overlap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time_nano: i64, action: &str) -> Event {
        Event {
            time_nano,
            action: action.into(),
            ..Default::default()
        }
    }

    #[test]
    fn events_are_new_once_and_old_ones_forgotten() {
        // This machine's clock is ahead of the engine's clock. It is used only until the first
        // event.
        let mut memory = Memory::new(Timestamp::new(7, 0), Duration::from_nanos(10));
        assert_eq!(memory.resume_at(), Timestamp::new(6, 999_999_990));
        assert!(memory.is_new(&event(2_000_000_000, "start")));
        assert!(memory.is_new(&event(2_000_000_000, "die")));
        assert!(!memory.is_new(&event(2_000_000_000, "start")));
        assert_eq!(memory.resume_at(), Timestamp::new(1, 999_999_990));
        assert!(memory.is_new(&event(2_000_000_011, "start")));
        assert_eq!(memory.recent.len(), 1, "only what may be repeated is kept");
        assert!(
            memory.is_new(&event(2_000_000_005, "late")),
            "events may come out of order"
        );
        assert_eq!(memory.newest(), Timestamp::new(2, 11));
    }

    #[test]
    fn remembered_events_have_a_bound() {
        let mut memory = Memory::new(Timestamp::new(7, 0), Duration::MAX);
        for number in 0..MOST_REMEMBERED + 10 {
            assert!(memory.is_new(&event(1, &number.to_string())));
        }
        assert_eq!(memory.recent.len(), MOST_REMEMBERED);
        assert!(!memory.is_new(&event(1, "10")) && memory.is_new(&event(1, "9")));
    }

    #[tokio::test]
    async fn event_that_cannot_be_read_ends_the_stream() {
        use crate::wire::canned::Canned;
        let reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\" 1}";
        let docker = Canned::new(reply).docker();
        let system = docker.system();
        let events = system.resilient_events(ListenEvents::default(), ReconnectOptions::default());
        let mut events = events.await.unwrap();
        let error = events.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Decode);
        assert!(events.next().await.is_none());
    }
}
