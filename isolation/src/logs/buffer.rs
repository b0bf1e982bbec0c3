//! Buffers lines between the task that reads a log and a reader that may be slower.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::{LogEntry, LogLine};
use crate::error::Result;

/// The maximum number of buffered bytes.
const MOST: usize = 16 << 20;

/// The size of a line in addition to its text.
const LINE: usize = size_of::<LogEntry>();

/// A queue that never blocks the task: a daemon drops lines of a connection that is not read, and
/// does not report it. This queue drops and counts the newest lines instead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the reader.
    filled: Notify,
    /// Wakes a task that waits for space.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<LogEntry>,
    bytes: usize,
    end: Option<Result<()>>,
}

impl Buffer {
    /// Adds a line, or counts it if the queue is full.
    pub(crate) fn push(&self, line: LogLine) {
        {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.bytes < MOST {
                queue.add(LogEntry::Line(line));
            } else {
                match queue.entries.back_mut() {
                    // A gap of unknown length stays unknown.
                    Some(LogEntry::Gap { lines }) if *lines > 0 => *lines += 1,
                    _ => queue.add(LogEntry::Gap { lines: 1 }),
                }
            }
        }
        self.0.filled.notify_one();
    }

    /// Adds a gap of unknown length.
    pub(crate) fn gap(&self) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.add(LogEntry::Gap { lines: 0 });
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until there is space. A log that is not followed does not grow, so no line is lost.
    pub(crate) async fn space(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).bytes < MOST {
                return;
            }
            emptied.await;
        }
    }

    /// Ends the queue after its last item.
    pub(crate) fn end(&self, outcome: Result<()>) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).end = Some(outcome);
        self.0.filled.notify_one();
    }

    /// The next entry; `None` at the end. Dropping the future loses nothing.
    pub(crate) async fn next(&self) -> Result<Option<LogEntry>> {
        loop {
            let filled = self.0.filled.notified();
            {
                let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(entry) = queue.take() {
                    self.0.emptied.notify_one();
                    return Ok(Some(entry));
                }
                match queue.end.take() {
                    Some(Ok(())) => {
                        queue.end = Some(Ok(()));
                        return Ok(None);
                    }
                    Some(Err(error)) => {
                        // The error is reported once, and ends the log.
                        queue.end = Some(Ok(()));
                        return Err(error);
                    }
                    None => {}
                }
            }
            filled.await;
        }
    }
}

impl Queue {
    fn add(&mut self, entry: LogEntry) {
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
    }

    fn take(&mut self) -> Option<LogEntry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= cost(&entry);
        Some(entry)
    }
}

fn cost(entry: &LogEntry) -> usize {
    match entry {
        LogEntry::Line(line) => LINE + line.text.len(),
        LogEntry::Gap { .. } => LINE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::logs::OutputStream;
    use bytes::Bytes;

    fn line(text: impl Into<Bytes>) -> LogLine {
        LogLine {
            at: None,
            stream: OutputStream::Stdout,
            text: text.into(),
            complete: true,
            command: None,
        }
    }

    #[tokio::test]
    async fn slow_reader_gets_the_number_of_missed_lines() {
        let buffer = Buffer::default();
        let big = vec![0; MOST / 2];
        for _ in 0..5 {
            buffer.push(line(big.clone()));
        }
        assert!(matches!(buffer.next().await.unwrap(), Some(LogEntry::Line(_))));
        buffer.push(line("after"));
        buffer.end(Ok(()));
        let mut rest = Vec::new();
        while let Some(entry) = buffer.next().await.unwrap() {
            rest.push(match entry {
                LogEntry::Gap { lines } => format!("{lines} missed"),
                LogEntry::Line(line) => line.text.len().to_string(),
            });
        }
        assert_eq!(rest, [big.len().to_string(), "3 missed".into(), "5".into()]);
    }

    #[tokio::test]
    async fn task_waits_for_space_of_a_log_that_is_kept() {
        let buffer = Buffer::default();
        buffer.push(line(vec![0; MOST]));
        let waiting = tokio::spawn({
            let buffer = buffer.clone();
            async move { buffer.space().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        buffer.next().await.unwrap();
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn error_is_reported_once_after_the_lines() {
        let buffer = Buffer::default();
        buffer.push(line("a"));
        buffer.end(Err(Error::lost()));
        assert!(buffer.next().await.unwrap().is_some());
        assert_eq!(buffer.next().await.unwrap_err().kind(), crate::ErrorKind::Lost);
        assert_eq!(buffer.next().await.unwrap(), None);
    }
}
