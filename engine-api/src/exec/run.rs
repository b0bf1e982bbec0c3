//! Running a command in a container until it exits, in one call.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{CreateExec, Execs, StartExec};
use crate::error::Result;
use crate::wire::stream::{Collected, Hijacked, RunOutput, Writing};

/// The time without output after which `inspect` checks whether the command is still running.
const QUIET: Duration = Duration::from_millis(500);

impl Execs<'_> {
    /// Runs a command in a running container until it exits, without input: creates, starts,
    /// collects the output, reads the exit code.
    ///
    /// An exit code other than 0 is not an error.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// let output = docker.execs().run("web", ["cat", "/etc/hostname"].into()).await?;
    /// println!("{} {}", output.exit_code, output.text());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`Execs::run_with`].
    pub async fn run(&self, container: &str, exec: CreateExec) -> Result<RunOutput> {
        self.run_with(container, exec, RunExec::default()).await
    }

    /// Runs a command in a running container until it exits, like [`Execs::run`], with options.
    ///
    /// The `attach_*` flags are set as needed. The exit code is read after the engine has reported
    /// the exit of the command. An engine that never closes the stream is detected
    /// ([`RunOutput::output_complete`]).
    ///
    /// # Errors
    ///
    /// The errors of its steps.
    pub async fn run_with(
        &self,
        container: &str,
        mut exec: CreateExec,
        options: RunExec,
    ) -> Result<RunOutput> {
        let input = options.input;
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
        let mut collected = hijacked.output.collected();
        let closed = self.drain(&id, hijacked, &input, &mut collected).await?;
        Ok(collected.finish(self.wait(&id).await?, closed))
    }

    /// Collects output until the stream ends (`true`), or until the command has exited and no more
    /// output arrives (`false`).
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
                Ok(Some(chunk)) => into.add(&chunk?)?,
                Ok(None) => return Ok(true),
                // Waits one more period after the exit: output may still be in transit.
                Err(_quiet) if over => return Ok(false),
                Err(_quiet) => over = self.ended(id).await?.is_some(),
            }
        }
    }
}

/// How to run a command until it exits. Options of [`Execs::run_with`].
#[derive(Clone, Default, PartialEq)]
pub struct RunExec {
    /// Input; empty input is not attached.
    pub input: Bytes,
}

// The input may be a secret.
impl fmt::Debug for RunExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunExec")
            .field("input", &format_args!("{} bytes", self.input.len()))
            .finish()
    }
}
