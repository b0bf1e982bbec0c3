//! A command's output on its way to ours, and our input on its way to it.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use isolation::{Chunk, Execution, ExitStatus, Signal};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt, Stderr, Stdout};
use tokio::time::{Instant, timeout_at};

use crate::console::{Console, line};
use crate::error::CliError;

/// How long after the command's time is up we still try to hand over what it wrote.
const PATIENCE: Duration = Duration::from_secs(5);

/// Our standard output and standard error, written without blocking: whoever does not read them must
/// not keep us from seeing signals and time pass.
#[derive(Debug)]
pub(super) struct Sink {
    out: Stdout,
    /// Gone when nobody reads it any more: messages are lost, the work goes on.
    err: Option<Stderr>,
    json: bool,
}

/// How the streaming ended.
#[derive(Debug)]
pub(super) enum Streamed {
    /// The command ended.
    Ended(ExitStatus),
    /// Its time was up, and nobody read its output.
    Stuck,
}

impl Sink {
    pub(super) fn new(console: Console) -> Self {
        Self {
            out: tokio::io::stdout(),
            err: Some(tokio::io::stderr()),
            json: console.json,
        }
    }

    /// Tells programs something; people get it by [`Console::note`].
    pub(super) async fn event(&mut self, event: Value) -> Result<(), CliError> {
        if !self.json {
            return Ok(());
        }
        let line = line(&event)?;
        all(&mut self.out, &line)
            .await
            .map_err(|error| CliError::output(&error))
    }

    async fn chunk(&mut self, chunk: Chunk) -> Result<(), CliError> {
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

/// Output in a line of JSON: text where it is text.
fn piece(name: &str, bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "type": name, "text": text }),
        Err(_) => json!({ "type": name, "base64": STANDARD.encode(bytes) }),
    }
}

async fn all(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Streams to the end. A closed standard output is an error that says so; the caller's clean-up kills
/// the command, as a closed pipe would.
pub(super) async fn stream(
    mut execution: Execution,
    sink: &mut Sink,
    timeout: Option<Duration>,
) -> Result<Streamed, CliError> {
    // The execution ends the command in time, but only while it is asked for more; here we also end
    // the waiting for a reader who has stopped reading.
    let give_up = timeout.and_then(|timeout| Instant::now().checked_add(timeout + PATIENCE));
    let _forwarding = execution.take_stdin().map(Forwarding::start);
    while let Some(chunk) = execution.next().await? {
        let written = sink.chunk(chunk);
        match give_up {
            None => written.await?,
            Some(at) => match timeout_at(at, written).await {
                Ok(written) => written?,
                Err(_) => {
                    execution.kill(Signal::Kill).await?;
                    return Ok(Streamed::Stuck);
                }
            },
        }
    }
    Ok(Streamed::Ended(execution.wait().await?))
}

/// Our standard input being copied to the command's, until either ends or this is dropped.
#[derive(Debug)]
struct Forwarding(tokio::task::JoinHandle<()>);

impl Forwarding {
    fn start(mut to: isolation::Stdin) -> Self {
        Self(tokio::spawn(async move {
            // A command need not read what it is given: `head -1` is no failure.
            if tokio::io::copy(&mut tokio::io::stdin(), &mut to).await.is_ok() {
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
    fn output_is_text_where_it_is_text() {
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
