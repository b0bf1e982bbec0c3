//! A command run to its end in one call.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{CreateExec, Execs, StartExec};
use crate::error::Result;
use crate::wire::stream::{Collected, Hijacked, RunOutput, Writing};

/// How long a silent stream is awaited before the engine is asked whether the command still runs.
const QUIET: Duration = Duration::from_millis(500);

impl Execs<'_> {
    /// Runs a command in a container to its end: create, start, write `input`, collect, exit code.
    ///
    /// The input is attached only when there is some. The exit code is read only once the engine says
    /// that the command has ended; an engine that never closes the stream is noticed
    /// ([`RunOutput::output_complete`]).
    pub async fn run(
        &self,
        container: &str,
        mut exec: CreateExec,
        input: impl Into<Bytes>,
    ) -> Result<RunOutput> {
        let input = input.into();
        (exec.attach_stdin, exec.attach_stdout, exec.attach_stderr) = (!input.is_empty(), true, true);
        let tty = exec.tty;
        let id = self.create(container, exec).await?.id;
        let hijacked = self
            .start(
                &id,
                StartExec {
                    tty,
                    ..Default::default()
                },
            )
            .await?;
        let mut collected = Collected::default();
        let closed = self.drain(&id, hijacked, &input, &mut collected).await?;
        Ok(collected.finish(self.wait(&id).await?, closed))
    }

    /// Collects output until the stream ends (`true`), or until the command has ended and the stream
    /// stays silent (`false`).
    async fn drain(&self, id: &str, hijacked: Hijacked, input: &[u8], into: &mut Collected) -> Result<bool> {
        let Hijacked {
            input: mut stdin,
            mut output,
            ..
        } = hijacked;
        let mut writing = Writing::new(&mut stdin, input);
        let mut over = false;
        loop {
            match timeout(QUIET, writing.beside(&mut output)).await {
                Ok(Some(chunk)) => into.add(&chunk?),
                Ok(None) => return Ok(true),
                // Once ended, one more quiet spell: output may still be on its way.
                Err(_quiet) if over => return Ok(false),
                Err(_quiet) => over = self.ended(id).await?.is_some(),
            }
        }
    }
}
