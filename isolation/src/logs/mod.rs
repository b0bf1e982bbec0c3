//! The log of an environment: the lines of its main process or of its commands, with their times.

pub(crate) mod assemble;
pub(crate) mod buffer;
pub(crate) mod commands;
pub(crate) mod stored;

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::error::Result;

/// The part of a log to read.
///
/// ```
/// use isolation::LogOptions;
///
/// let last = LogOptions { tail: Some(20), ..LogOptions::default() };
/// assert!(!last.follow);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The writer of the lines; `None` is the main process, or the commands if there is no main
    /// process. The two are never mixed.
    pub origin: Option<LogOrigin>,
    /// Whether to continue with new lines until the main process exits, or for commands until the
    /// environment is removed. Podman keeps one file of 20 MB: lines that a follower has not read
    /// when Podman empties it are missing, without a [`LogEntry::Gap`].
    pub follow: bool,
    /// Only lines since this time.
    pub since: Option<SystemTime>,
    /// Only lines until this time.
    pub until: Option<SystemTime>,
    /// Only this many lines from the end; `None` is all.
    pub tail: Option<u64>,
    /// Only lines of one stream; `None` is both.
    pub stream: Option<OutputStream>,
}

/// The writer of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogOrigin {
    /// The main process. Its engine keeps the log.
    Main,
    /// The commands. An engine keeps no log of them: this process keeps the last 4 MiB of output of
    /// its own commands. For a kept or opened environment, the output of each finished command is
    /// stored next to the journal, readable only by this user, 4 to 8 MiB. That log contains the
    /// commands of all processes.
    Commands,
}

/// One of the two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The time at which the engine received the line; `None` if the engine does not record it.
    pub at: Option<SystemTime>,
    /// The stream to which it was written.
    pub stream: OutputStream,
    /// The line without its end.
    pub text: Bytes,
    /// Whether it ended with a newline. The last line of a process may have no newline, and a line
    /// of more than 1 MiB is split.
    pub complete: bool,
    /// The number of the command that wrote it, if it was a command of this process.
    pub command: Option<u64>,
}

impl LogLine {
    /// A complete line without a time. `text` has no newline at its end.
    pub fn new(stream: OutputStream, text: impl Into<Bytes>) -> Self {
        Self {
            at: None,
            stream,
            text: text.into(),
            complete: true,
            command: None,
        }
    }

    /// The line as text; invalid UTF-8 becomes U+FFFD.
    pub fn text_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }
}

/// A line of a log, or a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A line.
    Line(LogLine),
    /// Missing lines: they arrived faster than they were read, or the engine has removed them
    /// during a lost connection or before a slow reader got them.
    Gap {
        /// The number of lines; 0 if it is not known.
        lines: u64,
    },
}

/// For authors of engines: the source of a [`LogStream`].
pub trait LogSource: Send {
    /// The next entry; `None` at the end. Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<LogEntry>>>;
}

/// A log as a stream of lines. Dropping it ends the reading.
///
/// A reader that follows a log and pauses misses lines after 16 MiB, and receives their number:
/// [`LogEntry::Gap`]. If the connection to the Docker daemon is lost, a followed log continues over
/// another one, for up to 30 seconds.
///
/// ```no_run
/// # async fn demo(environment: &isolation::Environment) -> isolation::Result<()> {
/// use isolation::{LogEntry, LogOptions};
///
/// let mut log = environment.logs(LogOptions { follow: true, ..LogOptions::default() }).await?;
/// while let Some(entry) = log.next().await? {
///     if let LogEntry::Line(line) = entry {
///         println!("{}", line.text_lossy());
///     }
/// }
/// # Ok(()) }
/// ```
pub struct LogStream(Box<dyn LogSource>);

impl LogStream {
    /// For authors of engines: a log with this source.
    pub fn new(source: impl LogSource + 'static) -> Self {
        Self(Box::new(source))
    }

    /// The next entry; `None` at the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<LogEntry>> {
        self.0.next().await
    }

    /// Reads to the end. The log of the engine limits the memory; use [`LogOptions::tail`] for a
    /// part of it.
    pub async fn lines(mut self) -> Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        while let Some(entry) = self.next().await? {
            if let LogEntry::Line(line) = entry {
                lines.push(line);
            }
        }
        Ok(lines)
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}
