//! Copies the command's output to this process's output, and this process's input to the command.

use std::io;
use std::pin::pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use isolation::{Chunk, Execution, ExitStatus, Signal};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt, Stderr, Stdout};
use tokio::time::{Instant, sleep_until};

use crate::console::{Console, line};
use crate::error::CliError;
use crate::exit_code;
use crate::signal_proxy::{Next, SignalProxy};
use crate::signals::Interrupted;
use crate::standard_input;
use crate::terminal::{self, RawMode, Resizes};

/// The time after the command's timeout in which its output is still written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Standard output and standard error, written without blocking: signals and the timeout must work
/// even if no one reads the output.
#[derive(Debug)]
pub(crate) struct Sink {
    out: Stdout,
    /// `None` after the reader closed it: later messages are dropped, and the command continues.
    err: Option<Stderr>,
    json: bool,
}

/// How the copying ended.
#[derive(Debug)]
pub(crate) enum Streamed {
    /// The command exited.
    Ended(ExitStatus),
    /// The timeout expired while nothing read the output.
    Stuck,
    /// The command went on after a signal that ends this process. It is killed.
    Interrupted(Interrupted),
}

impl Streamed {
    /// The exit code of this process.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Stuck => exit_code::TIMED_OUT,
            Self::Interrupted(Interrupted(code)) => *code,
            Self::Ended(ExitStatus { timed_out: true, .. }) => exit_code::TIMED_OUT,
            // Other systems have wider codes: truncation could turn an error code into 0.
            Self::Ended(exit) => u8::try_from(exit.code).unwrap_or(u8::MAX),
        }
    }

    /// Reports how the command exited.
    pub(crate) async fn report(&self, sink: &mut Sink, console: Console) -> Result<(), CliError> {
        let exit = match self {
            Self::Stuck => {
                console.note("timeout: the output was not read");
                // No event is printed: a program that does not read the output would not read an
                // event.
                return Ok(());
            }
            Self::Interrupted(_) => return Ok(()),
            Self::Ended(exit) => exit,
        };
        if exit.timed_out || exit.oom {
            console.note(&format!("the command was {exit}"));
        }
        if !exit.output_complete {
            console.note("a background process still had the output open; its output is lost");
        }
        let mut event = json!(exit);
        event["type"] = "exit".into();
        event["exit"] = self.code().into();
        sink.event(event).await
    }
}

impl Sink {
    pub(crate) fn new(console: Console) -> Self {
        Self {
            out: tokio::io::stdout(),
            err: Some(tokio::io::stderr()),
            json: console.json,
        }
    }

    /// Whether events are printed instead of the output itself.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints an event if `--json` is set. For people, see [`Console::note`].
    pub(crate) async fn event(&mut self, event: Value) -> Result<(), CliError> {
        if !self.json {
            return Ok(());
        }
        let line = line(&event)?;
        all(&mut self.out, &line)
            .await
            .map_err(|error| CliError::output(&error))
    }

    pub(super) async fn chunk(&mut self, chunk: Chunk) -> Result<(), CliError> {
        let (name, bytes) = match &chunk {
            Chunk::Stdout(bytes) => ("stdout", bytes),
            Chunk::Stderr(bytes) => ("stderr", bytes),
        };
        if self.json {
            return self.event(piece(name, bytes)).await;
        }
        match (&chunk, &mut self.err) {
            (Chunk::Stdout(_), _) => all(&mut self.out, bytes)
                .await
                .map_err(|error| CliError::output(&error)),
            (Chunk::Stderr(_), Some(err)) => {
                if all(err, bytes).await.is_err() {
                    self.err = None;
                }
                Ok(())
            }
            (Chunk::Stderr(_), None) => Ok(()),
        }
    }
}

/// Output as a JSON event: as text, or in base64 if it is not UTF-8.
pub(super) fn piece(name: &str, bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "type": name, "text": text }),
        Err(_) => json!({ "type": name, "base64": STANDARD.encode(bytes) }),
    }
}

async fn all(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Copies until the command exits, and passes signals on to it. A closed standard output is an
/// error; the caller's cleanup then kills the command, as a closed pipe would.
pub(crate) async fn stream(
    mut execution: Execution,
    sink: &mut Sink,
    timeout: Option<Duration>,
    mut proxy: SignalProxy<'_>,
) -> Result<Streamed, CliError> {
    let stdin = execution.take_stdin();
    // The raw mode lasts until the end of this function, so that an error is printed on a terminal
    // in its former mode.
    let _raw_mode = match stdin.is_some() && execution.has_terminal() && terminal::is_input() {
        true => Some(RawMode::enter()?),
        false => None,
    };
    let mut resizes = execution.has_terminal().then(Resizes::listen).transpose()?;
    // The execution kills the command at its timeout, but only while its methods are awaited. This
    // deadline also ends a write that waits for a reader.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout + WRITE_TIMEOUT));
    let _forwarding = stdin.map(Forwarding::start);
    loop {
        let chunk = match next(&mut execution, &mut resizes, &mut proxy).await? {
            Happened::Output(chunk) => chunk,
            Happened::End(exit) => return Ok(Streamed::Ended(exit)),
            Happened::Interrupted(interrupted) => return Ok(Streamed::Interrupted(interrupted)),
        };
        let mut written = pin!(sink.chunk(chunk));
        loop {
            let next = tokio::select! {
                biased;
                done = &mut written => {
                    done?;
                    break;
                }
                () = until(deadline) => {
                    execution.kill(Signal::Kill).await?;
                    return Ok(Streamed::Stuck);
                }
                next = proxy.next() => next,
            };
            if let Err(interrupted) = pass_on(next, &mut execution, &mut proxy).await {
                return Ok(Streamed::Interrupted(interrupted));
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// An action of a command, or an event of it.
enum Happened {
    Output(Chunk),
    End(ExitStatus),
    Interrupted(Interrupted),
}

/// Waits for the next piece of output, and after the last one for the end of the command. During
/// the wait, each new size of this terminal is passed to the command's terminal, and each signal to
/// the command.
async fn next(
    execution: &mut Execution,
    resizes: &mut Option<Resizes>,
    proxy: &mut SignalProxy<'_>,
) -> isolation::Result<Happened> {
    loop {
        let resized = async {
            match resizes {
                Some(resizes) => resizes.next().await,
                None => std::future::pending().await,
            }
        };
        let happens = async {
            Ok(match execution.next().await? {
                Some(chunk) => Happened::Output(chunk),
                None => Happened::End(execution.wait().await?),
            })
        };
        let next = tokio::select! {
            biased;
            next = proxy.next() => next,
            size = resized => {
                execution.resize(size).await?;
                continue;
            }
            happened = happens => return happened,
        };
        if let Err(interrupted) = pass_on(next, execution, proxy).await {
            return Ok(Happened::Interrupted(interrupted));
        }
    }
}

/// Passes a signal on, or fails with the one that ends this process.
async fn pass_on(
    next: Next,
    execution: &mut Execution,
    proxy: &mut SignalProxy<'_>,
) -> Result<(), Interrupted> {
    match next {
        Next::Signal(signal) => proxy.send(signal, execution).await,
        Next::End(interrupted) => Err(interrupted),
    }
}

/// A task that copies standard input to the command, until either ends or this is dropped.
#[derive(Debug)]
struct Forwarding(tokio::task::JoinHandle<()>);

impl Forwarding {
    fn start(mut to: isolation::Stdin) -> Self {
        Self(tokio::spawn(async move {
            // A command may end without reading all its input, such as `head -1`.
            if tokio::io::copy(&mut standard_input::reader(), &mut to)
                .await
                .is_ok()
            {
                let _ = to.finish().await;
            }
        }))
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_124_and_wide_codes_are_255() {
        let mut exit = ExitStatus::from_signal(9);
        assert_eq!(Streamed::Ended(exit).code(), 137);
        exit.timed_out = true;
        assert_eq!(Streamed::Interrupted(Interrupted(143)).code(), 143);
        assert_eq!(Streamed::Ended(exit).code(), 124);
        assert_eq!(Streamed::Ended(ExitStatus::from_code(256)).code(), 255);
    }

    #[test]
    fn output_that_is_not_utf8_is_base64() {
        assert_eq!(
            piece("stdout", b"a\n"),
            json!({ "type": "stdout", "text": "a\n" })
        );
        assert_eq!(
            piece("stderr", &[0xff]),
            json!({ "type": "stderr", "base64": "/w==" })
        );
    }
}
