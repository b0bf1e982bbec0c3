//! Reads the log of a container into a buffer. A log that is followed is continued over another
//! connection if the connection to the daemon is lost, or if the daemon may have skipped lines.

use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use engine_api::connect::Address;
use engine_api::containers::ReadLogs;
use engine_api::{Chunk, Docker, ErrorKind as ApiErrorKind, Output};
use tokio::time::{Instant, sleep};

use super::diagnostics::to_error;
use super::log_lag::{Clock, Lag};
use super::log_position::{Arrival, Position};
use super::publish;
use crate::error::{Error, Result};
use crate::logs::assemble::Lines;
use crate::logs::buffer::Buffer;
use crate::logs::{LogLine, OutputStream};

/// The time in which the daemon must be reachable again.
const RECONNECT: Duration = Duration::from_secs(30);

/// The pauses between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The reader of one log.
pub(super) struct Follower {
    pub(super) docker: Docker,
    /// The container.
    pub(super) container: String,
    pub(super) query: ReadLogs,
    pub(super) podman: bool,
    pub(super) buffer: Buffer,
}

/// The state of the reader.
#[derive(Debug)]
struct Progress {
    stdout: Position,
    stderr: Position,
    lag: Lag,
}

impl Progress {
    fn of(&mut self, stream: OutputStream) -> &mut Position {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }

    fn reconnect(&mut self) {
        self.stdout.reconnect();
        self.stderr.reconnect();
    }
}

/// The end of one connection.
enum Connection {
    Ended,
    /// The daemon may have skipped lines. The lines from the last one on are read again.
    MaySkip,
}

/// The time of a line, as the daemon writes it.
fn time(text: &str) -> Option<SystemTime> {
    Timestamp::from_rfc3339(text).ok()?.to_system_time()
}

/// Whether the daemon may continue the log over another connection.
fn is_lost(error: &engine_api::Error) -> bool {
    error.is_disconnected() || error.is_unreachable() || error.kind() == ApiErrorKind::Truncated
}

impl Follower {
    /// Moves the lines into the buffer until the log ends.
    pub(super) async fn run(self, mut output: Output) {
        let mut progress = Progress {
            stdout: Position::default(),
            stderr: Position::default(),
            lag: Lag::new(self.clock()),
        };
        let outcome = loop {
            let next = match self.connection(output, &mut progress).await {
                Ok(Connection::Ended) if self.query.follow => {
                    self.rest(&mut progress).await;
                    break Ok(());
                }
                Ok(Connection::Ended) => break Ok(()),
                Ok(Connection::MaySkip) => self.read_again(&mut progress).await,
                Err(error) => Err(error),
            };
            let error = match next {
                Ok(next) => {
                    output = next;
                    continue;
                }
                Err(error) => error,
            };
            if !self.query.follow || !is_lost(&error) {
                break Err(match error.is_not_found() {
                    true => Error::lost(),
                    false => to_error(error),
                });
            }
            progress.reconnect();
            match self.reconnect(error, &progress).await {
                Ok(next) => output = next,
                Err(error) => break Err(error),
            }
        };
        self.buffer.end(outcome);
    }

    fn clock(&self) -> Clock {
        match self.docker.address().parse::<Address>() {
            // Podman keeps one file. It repeats or tears lines where it begins the next one.
            Ok(_) if !self.query.follow || self.podman => Clock::Unknown,
            Ok(address) if publish::is_here(&address) => Clock::Ours {
                began: SystemTime::now(),
            },
            Ok(_) => Clock::Other,
            // The lines of a recording arrive at other times.
            Err(_) => Clock::Unknown,
        }
    }

    /// Adds a line; returns whether the daemon may have skipped lines before it. Then it is not
    /// added.
    fn push(&self, progress: &mut Progress, line: LogLine, now: SystemTime) -> bool {
        if line
            .at
            .is_some_and(|at| progress.lag.may_skip(at, line.text.len(), now))
        {
            return true;
        }
        match progress.of(line.stream).arrives(line.at) {
            Arrival::Repeated => return false,
            Arrival::New => {}
            Arrival::NewAfterGap => self.buffer.gap(),
        }
        self.buffer.push(line);
        false
    }

    /// Reads one connection to its end.
    async fn connection(
        &self,
        mut output: Output,
        progress: &mut Progress,
    ) -> engine_api::Result<Connection> {
        let mut stdout = Lines::new(OutputStream::Stdout, time);
        let mut stderr = Lines::new(OutputStream::Stderr, time);
        let mut skips = false;
        let outcome = loop {
            if !self.query.follow {
                self.buffer.space().await;
            }
            let chunk = match output.next().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => break Err(error),
                None => break Ok(Connection::Ended),
            };
            let now = SystemTime::now();
            // The beginning of an incomplete line would not be read again.
            progress.lag.pause(match chunk {
                Chunk::Stderr(_) => stdout.has_open(),
                _ => stderr.has_open(),
            });
            let add = |line| skips = skips || self.push(progress, line, now);
            match chunk {
                Chunk::Stderr(bytes) => stderr.add(bytes, add),
                chunk => stdout.add(chunk.into_bytes(), add),
            }
            if skips {
                return Ok(Connection::MaySkip);
            }
        };
        // Another connection repeats the line that was not complete.
        if !outcome
            .as_ref()
            .is_err_and(|error| self.query.follow && is_lost(error))
        {
            let now = SystemTime::now();
            for lines in [&mut stdout, &mut stderr] {
                if let Some(line) = lines.end() {
                    skips = skips || self.push(progress, line, now);
                }
            }
        }
        match skips {
            true => Ok(Connection::MaySkip),
            false => outcome,
        }
    }

    /// Follows the log from the last line on. The daemon repeats that line, unless it has removed
    /// the file with it.
    async fn read_again(&self, progress: &mut Progress) -> engine_api::Result<Output> {
        let mut query = self.query.clone();
        let at = progress.lag.last();
        query.since = at.map(Into::into).or(query.since);
        query.tail = query.tail.filter(|_| at.is_none());
        for position in [&mut progress.stdout, &mut progress.stderr] {
            if position.last.is_some_and(|last| Some(last.at) == at) {
                position.reconnect();
            }
        }
        self.docker.containers().logs(&self.container, query).await
    }

    /// Reads the lines that the daemon has not sent to a follower: Docker 20.10 ends the log with
    /// the main process, also if a follower has not got all of it. The container may be gone.
    async fn rest(&self, progress: &mut Progress) {
        let query = ReadLogs {
            follow: false,
            ..self.after(progress)
        };
        progress.reconnect();
        let containers = self.docker.containers();
        if let Ok(output) = containers.logs(&self.container, query).await {
            progress.lag = Lag::new(Clock::Unknown);
            let _ = self.connection(output, progress).await;
        }
    }

    /// The query of the lines after the last ones. The daemon repeats those.
    fn after(&self, progress: &Progress) -> ReadLogs {
        let last = [&progress.stdout, &progress.stderr]
            .into_iter()
            .filter_map(|one| one.last);
        let mut query = self.query.clone();
        if let Some(at) = last.map(|last| last.at).min() {
            (query.since, query.tail) = (Some(at.into()), None);
        }
        query
    }

    /// Opens another connection. The daemon repeats the last lines.
    async fn reconnect(&self, mut error: engine_api::Error, progress: &Progress) -> Result<Output> {
        let query = self.after(progress);
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        while began.elapsed() < RECONNECT {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let containers = self.docker.containers();
            error = match containers.logs(&self.container, query.clone()).await {
                Ok(output) => return Ok(output),
                Err(error) if error.is_not_found() => return Err(Error::lost()),
                Err(error) if is_lost(&error) || error.is_timeout() => error,
                Err(error) => return Err(to_error(error)),
            };
        }
        Err(to_error(error))
    }
}

#[cfg(test)]
mod tests;
