//! The requests that wait for answers.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};

use super::contexts::Contexts;
use crate::command::execution::Chunk;
use crate::engine::watch::Report;
use crate::error::{Error, ErrorKind, Result};
use crate::logs::LogEntry;
use crate::protocol::WINDOW;
use crate::protocol::answer::{Answer, log_cost};
use crate::protocol::faults;
use crate::spec::json_strict;

/// The end of a request.
pub(super) type End = Result<Map<String, Value>>;

/// Called with the end of a request.
pub(super) type Once = Box<dyn FnOnce(End) + Send>;

/// A request that waits.
pub(super) enum Pending {
    Once(Once),
    Stream(Stream),
}

/// A request with a stream.
pub(super) struct Stream {
    pub(super) items: mpsc::UnboundedSender<Item>,
    /// The number of bytes that may still arrive.
    pub(super) allowed: Arc<AtomicI64>,
    /// The number of unread items.
    pub(super) queued: Arc<AtomicI64>,
    /// The number of input bytes that may still be sent.
    pub(super) credit: Arc<Semaphore>,
}

/// An item of a stream.
#[derive(Debug)]
pub(super) enum Item {
    Started,
    Output(Chunk),
    Log(LogEntry),
    Report(Report),
    End(End),
}

/// The requests that wait, by their IDs.
pub(super) struct Table {
    engine: String,
    state: Mutex<State>,
    events: Contexts,
}

#[derive(Default)]
struct State {
    next: u64,
    pending: HashMap<u64, Pending>,
    /// Why the program has exited.
    ended: Option<String>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Table")
            .field("pending", &state.pending.len())
            .field("ended", &state.ended)
            .finish_non_exhaustive()
    }
}

impl Table {
    pub(super) fn new(engine: &str, events: Contexts) -> Self {
        Self {
            engine: engine.to_owned(),
            state: Mutex::default(),
            events,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Adds a request; returns its ID.
    pub(super) fn enter(&self, pending: Pending) -> Result<u64> {
        let mut state = self.state();
        if let Some(why) = &state.ended {
            return Err(self.gone(why));
        }
        state.next += 1;
        let id = state.next;
        state.pending.insert(id, pending);
        Ok(id)
    }

    /// Removes a request whose caller no longer waits.
    pub(super) fn leave(&self, id: u64) -> bool {
        let left = self.state().pending.remove(&id);
        left.is_some()
    }

    /// Ends every request, because the program has exited.
    pub(super) fn end(&self, why: &str) {
        let pending = {
            let mut state = self.state();
            state.ended.get_or_insert_with(|| why.to_owned());
            std::mem::take(&mut state.pending)
        };
        for waiting in pending.into_values() {
            waiting.end(Err(self.gone(why)));
        }
    }

    pub(super) fn gone(&self, why: &str) -> Error {
        Error::unavailable(&self.engine, why, "its next use starts its program again")
    }

    /// Passes an answer on. An error means that the program violates the protocol.
    pub(super) fn answer(&self, mut answer: Answer) -> std::result::Result<(), String> {
        if let Some(event) = answer.event.take() {
            self.events.event(event);
            return Ok(());
        }
        let Some(id) = answer.id else {
            return match answer.end() {
                Some(Err(error)) => Err(format!("it reported: {error}")),
                // A message of a later version.
                _ => Ok(()),
            };
        };
        if let Some(end) = answer.end() {
            let waiting = self.state().pending.remove(&id);
            // A cancelled request is no longer in the table.
            if let Some(waiting) = waiting {
                waiting.end(end);
            }
            return Ok(());
        }
        match self.state().pending.get(&id) {
            Some(Pending::Stream(stream)) => stream.take(answer),
            _ => Ok(()),
        }
    }
}

impl Pending {
    fn end(self, end: End) {
        match self {
            Self::Once(call) => call(end),
            Self::Stream(stream) => {
                stream.credit.close();
                // The stream may have been dropped.
                let _ = stream.items.send(Item::End(end));
            }
        }
    }
}

impl Stream {
    fn take(&self, answer: Answer) -> std::result::Result<(), String> {
        let unreadable = |error: Error| format!("it sent data that cannot be read: {error}");
        if answer.started.is_some() {
            self.pass(Item::Started, 0)?;
        }
        if let Some(output) = answer.output {
            let chunk = output.into_chunk().map_err(unreadable)?;
            let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = &chunk;
            let length = bytes.len();
            self.pass(Item::Output(chunk), i64::try_from(length).unwrap_or(i64::MAX))?;
        }
        if let Some(log) = answer.log {
            let entry = log.into_entry().map_err(unreadable)?;
            let cost = entry_cost(&entry);
            self.pass(Item::Log(entry), cost)?;
        }
        if let Some(report) = answer.report {
            self.pass(Item::Report(report), 0)?;
        }
        if let Some(lines) = answer.missed {
            self.pass(Item::Log(LogEntry::Gap { lines }), 0)?;
        }
        if let Some(bytes) = answer.more {
            let room = (WINDOW as usize).saturating_sub(self.credit.available_permits());
            self.credit.add_permits(room.min(bytes as usize));
        }
        Ok(())
    }

    fn pass(&self, item: Item, cost: i64) -> std::result::Result<(), String> {
        // The window also limits the number of items: each has at least a byte, except starts and
        // gaps.
        let is_full = self.queued.fetch_add(1, Ordering::AcqRel) > i64::from(WINDOW);
        if self.allowed.fetch_sub(cost, Ordering::AcqRel) < cost || is_full {
            return Err("it sent more output than was asked for".into());
        }
        // The reader may have been dropped.
        let _ = self.items.send(item);
        Ok(())
    }
}

/// The size of a log entry in the window.
pub(super) fn entry_cost(entry: &LogEntry) -> i64 {
    match entry {
        LogEntry::Line(line) => log_cost(line.text.len(), WINDOW as usize).into(),
        LogEntry::Gap { .. } => 0,
    }
}

/// Reads the result of a request.
pub(super) fn read_result<T: DeserializeOwned>(request: u64, result: Map<String, Value>) -> Result<T> {
    let result = Value::Object(result);
    json_strict::from_value(&result).map_err(|error| {
        let text = format!(
            "the program of the engine sent a result for the request {request} that cannot be read: {}",
            faults::text::<T>(&result, &error)
        );
        Error::new(ErrorKind::Engine, text)
    })
}

/// The error of a message at the wrong time.
pub(super) fn unexpected(item: &Item) -> Error {
    let what = match item {
        Item::Started => "a start",
        Item::Output(_) => "output",
        Item::Log(_) => "a line of a log",
        Item::Report(_) => "a report",
        Item::End(_) => "an end",
    };
    let text = format!("the program of the engine sent {what} at the wrong time");
    Error::new(ErrorKind::Engine, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::watch::Observed;
    use crate::environment::id::EnvironmentId;
    use crate::protocol::data::Data;

    fn stream(allowed: i64) -> (Stream, mpsc::UnboundedReceiver<Item>) {
        let (items, received) = mpsc::unbounded_channel();
        let stream = Stream {
            items,
            allowed: Arc::new(AtomicI64::new(allowed)),
            queued: Arc::default(),
            credit: Arc::new(Semaphore::new(0)),
        };
        (stream, received)
    }

    #[test]
    fn output_beyond_the_window_is_a_fault() {
        let (stream, mut received) = stream(3);
        let output = || Answer {
            output: Some(crate::protocol::answer::Output::Stdout(Data::of(b"ab"))),
            ..Answer::to(1)
        };
        stream.take(output()).unwrap();
        assert!(matches!(received.try_recv(), Ok(Item::Output(_))));
        let why = stream.take(output()).unwrap_err();
        assert_eq!(why, "it sent more output than was asked for");
        assert!(received.try_recv().is_err(), "it is not passed on");
    }

    #[test]
    fn gaps_that_nobody_reads_are_bounded() {
        let (stream, _received) = stream(1);
        let gap = || Answer {
            missed: Some(1),
            ..Answer::to(1)
        };
        let sent = (0..2 * u64::from(WINDOW)).take_while(|_| stream.take(gap()).is_ok());
        assert_eq!(sent.count() as u64, u64::from(WINDOW) + 1);
    }

    #[test]
    fn item_at_the_wrong_time_is_named() {
        let report = Report {
            id: EnvironmentId::random(),
            name: "web".to_owned(),
            observed: Observed::Paused,
        };
        for (item, what) in [
            (Item::Report(report), "a report"),
            (Item::Started, "a start"),
            (Item::End(Ok(Map::new())), "an end"),
        ] {
            let error = unexpected(&item);
            assert_eq!(error.kind(), ErrorKind::Engine);
            let text = format!("the program of the engine sent {what} at the wrong time");
            assert!(error.to_string().contains(&text), "{error}");
        }
    }
}
