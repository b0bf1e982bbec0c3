//! Reads the log of a container into a buffer. A log that is followed is continued over another
//! connection if the connection to the daemon is lost.

use std::time::{Duration, SystemTime};

use engine_api::common::Timestamp;
use engine_api::containers::ReadLogs;
use engine_api::{Chunk, Docker, ErrorKind as ApiErrorKind, Output};
use tokio::time::{Instant, sleep};

use super::diagnostics::to_error;
use super::log_position::{Arrival, Position};
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
    pub(super) buffer: Buffer,
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
        let (mut stdout, mut stderr) = (Position::default(), Position::default());
        let outcome = loop {
            let error = match self.connection(output, &mut stdout, &mut stderr).await {
                Ok(()) if self.query.follow => {
                    self.rest(&mut stdout, &mut stderr).await;
                    break Ok(());
                }
                Ok(()) => break Ok(()),
                Err(error) => error,
            };
            if !self.query.follow || !is_lost(&error) {
                break Err(to_error(error));
            }
            stdout.reconnect();
            stderr.reconnect();
            match self.reconnect(error, &stdout, &stderr).await {
                Ok(next) => output = next,
                Err(error) => break Err(error),
            }
        };
        self.buffer.end(outcome);
    }

    fn push(&self, position: &mut Position, line: LogLine) {
        match position.arrives(line.at) {
            Arrival::Repeated => return,
            Arrival::New => {}
            Arrival::NewAfterGap => self.buffer.gap(),
        }
        self.buffer.push(line);
    }

    /// Reads one connection to its end.
    async fn connection(
        &self,
        mut output: Output,
        of_stdout: &mut Position,
        of_stderr: &mut Position,
    ) -> engine_api::Result<()> {
        let mut stdout = Lines::new(OutputStream::Stdout, time);
        let mut stderr = Lines::new(OutputStream::Stderr, time);
        let outcome = loop {
            if !self.query.follow {
                self.buffer.space().await;
            }
            match output.next().await {
                Some(Ok(Chunk::Stderr(bytes))) => stderr.add(bytes, |line| self.push(of_stderr, line)),
                Some(Ok(chunk)) => stdout.add(chunk.into_bytes(), |line| self.push(of_stdout, line)),
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            }
        };
        // Another connection repeats the line that was not complete.
        if !outcome
            .as_ref()
            .is_err_and(|error| self.query.follow && is_lost(error))
        {
            for (lines, position) in [(&mut stdout, of_stdout), (&mut stderr, of_stderr)] {
                if let Some(line) = lines.end() {
                    self.push(position, line);
                }
            }
        }
        outcome
    }

    /// Reads the lines that the daemon has not sent to a follower: Docker 20.10 ends the log with
    /// the main process, also if a follower has not got all of it. The container may be gone.
    async fn rest(&self, stdout: &mut Position, stderr: &mut Position) {
        let query = ReadLogs {
            follow: false,
            ..self.after(stdout, stderr)
        };
        stdout.reconnect();
        stderr.reconnect();
        let containers = self.docker.containers();
        if let Ok(output) = containers.logs(&self.container, query).await {
            let _ = self.connection(output, stdout, stderr).await;
        }
    }

    /// The query of the lines after the last ones. The daemon repeats those.
    fn after(&self, stdout: &Position, stderr: &Position) -> ReadLogs {
        let last = [stdout, stderr].into_iter().filter_map(|one| one.last);
        let mut query = self.query.clone();
        if let Some(at) = last.map(|last| last.at).min() {
            (query.since, query.tail) = (Some(at.into()), None);
        }
        query
    }

    /// Opens another connection. The daemon repeats the last lines.
    async fn reconnect(
        &self,
        mut error: engine_api::Error,
        stdout: &Position,
        stderr: &Position,
    ) -> Result<Output> {
        let query = self.after(stdout, stderr);
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
