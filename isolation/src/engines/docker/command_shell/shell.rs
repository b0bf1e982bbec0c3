//! A shell in a container that stays open: how it is started, and how it is given a text.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Hijacked, Input, Output};
use tokio::time::{Instant, timeout};

use super::marks::{Mark, Marks, Piece, Scanner};
use super::script::{self, Environment};
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::shell_program::names_missing;

/// How long a new shell may take until it is ready.
const READY: Duration = Duration::from_secs(5);

/// The most output of a new shell: its environment.
const LONGEST_ENVIRONMENT: usize = 4 << 20;

/// Why there is no shell.
#[derive(Debug)]
pub(super) enum NoShell {
    /// This image has no shell that can run commands.
    Unsuitable,
    /// This file is not in the image.
    Missing,
    /// The shell did not get ready in time.
    Slow,
    /// This time it did not work: the daemon or the container reported an error.
    Failed(engine_api::Error),
}

/// An open shell that waits for text.
#[derive(Debug)]
pub(super) struct Shell {
    input: Input,
    output: Output,
    /// The exec that runs it.
    pub(super) exec: String,
    /// When that exec had started.
    pub(super) opened: Instant,
    /// Its PID in the container.
    pub(super) pid: u32,
    clock: Clock,
    /// Whether it reads its input byte by byte.
    is_bash: bool,
}

/// The facts that a shell prints when it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    pid: u32,
    /// The time, see [`Clock`].
    shown: u64,
    is_bash: bool,
}

/// The time as a shell sees it, which no change of the wall clock affects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Hundredths of a second since the machine started.
    shown: u64,
    /// When that was read, or a little later.
    read: Instant,
}

impl Clock {
    /// The time of the shell, or a little less, after this pause.
    fn after(self, pause: Duration) -> u64 {
        let hundredths = (self.read.elapsed() + pause).as_millis() / 10;
        self.shown + u64::try_from(hundredths).unwrap_or(0)
    }
}

impl Shell {
    /// Starts a shell as this user; empty is the container's user.
    pub(super) async fn open(
        container: &ContainerRef,
        marks: &Marks,
        user: &str,
    ) -> Result<(Self, Environment), NoShell> {
        while let Some(program) = container.shell.get() {
            match Self::open_program(container, marks, user, program).await {
                Err(NoShell::Missing) => container.shell.is_missing(program),
                outcome => return outcome,
            }
        }
        Err(NoShell::Unsuitable)
    }

    async fn open_program(
        container: &ContainerRef,
        marks: &Marks,
        user: &str,
        program: &str,
    ) -> Result<(Self, Environment), NoShell> {
        let execs = container.docker.execs();
        let options = CreateExec {
            cmd: [program].into(),
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            user: user.to_owned(),
            ..CreateExec::default()
        };
        let creating = container.call(|name| {
            let options = options.clone();
            async move { execs.create(&name, options).await }
        });
        let created = creating.await.map_err(NoShell::Failed)?;
        let started = execs.start(&created.id, StartExec::default()).await;
        // A daemon reports a missing program with 400, 404 or 500 here, or in the output.
        let Hijacked { input, output, .. } = started.map_err(|error| match error.status() {
            _ if names_missing(error.message().unwrap_or_default(), program) => NoShell::Missing,
            Some(400 | 404 | 500 | 501) => NoShell::Unsuitable,
            _ => NoShell::Failed(error),
        })?;
        let mut shell = Self {
            input,
            output,
            exec: created.id,
            opened: Instant::now(),
            pid: 0,
            clock: Clock {
                shown: 0,
                read: Instant::now(),
            },
            is_bash: false,
        };
        match timeout(READY, shell.get_ready(&marks.next())).await {
            Ok(Ok((facts, environment))) => {
                shell.pid = facts.pid;
                shell.clock = Clock {
                    shown: facts.shown,
                    read: Instant::now(),
                };
                shell.is_bash = facts.is_bash;
                Ok((shell, environment))
            }
            Ok(Err(printed)) if names_missing(&printed, program) => Err(NoShell::Missing),
            Ok(Err(_)) => Err(NoShell::Unsuitable),
            Err(_) => Err(NoShell::Slow),
        }
    }

    /// Defines the functions. Returns the facts and the environment; if a tool is missing or the
    /// shell has ended, what was printed instead.
    async fn get_ready(&mut self, mark: &Mark) -> Result<(Facts, Environment), String> {
        let text = format!(
            "{}echo \"{mark} $$ $now ${{BASH_VERSION:+bash}}:$missing\" >&8; echo \"{mark} \" >&9\n",
            script::prelude(),
            mark = mark.as_str()
        );
        // If the shell has ended, the reason may be in the output.
        let written = self.write(text.as_bytes()).await;
        let (mut stdout, mut stderr) = (Scanner::new(mark), Scanner::new(mark));
        let mut pieces = VecDeque::new();
        let (mut printed, mut complaints) = (BytesMut::new(), BytesMut::new());
        let (mut line, mut stderr_ready) = (None, false);
        // Output of the shell on standard error before it is ready, for example about
        // `LD_PRELOAD`, is not the output of the first command.
        while line.is_none() || !stderr_ready {
            if printed.len() + complaints.len() > LONGEST_ENVIRONMENT {
                break;
            }
            let (is_stdout, bytes) = match self.output.next().await {
                Some(Ok(engine_api::Chunk::Stderr(bytes))) => (false, bytes),
                Some(Ok(chunk)) => (true, chunk.into_bytes()),
                Some(Err(_)) | None => {
                    printed.extend_from_slice(&stdout.rest());
                    printed.extend_from_slice(&complaints);
                    printed.extend_from_slice(&stderr.rest());
                    line = None;
                    break;
                }
            };
            let (scanner, collected) = match is_stdout {
                true => (&mut stdout, &mut printed),
                false => (&mut stderr, &mut complaints),
            };
            scanner.push(bytes, &mut pieces);
            while let Some(piece) = pieces.pop_front() {
                match piece {
                    Piece::Output(bytes) => collected.extend_from_slice(&bytes),
                    Piece::Invalid => line = Some(String::new()),
                    Piece::Mark(text) if is_stdout => line = Some(text),
                    Piece::Mark(_) => stderr_ready = true,
                }
            }
        }
        let found = line.filter(|_| written.is_ok() && stderr_ready);
        match found.and_then(|line| facts(&line)) {
            Some(facts) => Ok((facts, Environment::parse(&printed))),
            None => Err(String::from_utf8_lossy(&printed).into_owned()),
        }
    }

    /// The latest time for a command that is written now to start.
    pub(super) fn latest_start(&self, pause: Duration) -> u64 {
        self.clock.after(pause)
    }

    /// The longest text for a command; an exec is faster for a longer one.
    pub(super) fn longest_text(&self) -> usize {
        match self.is_bash {
            true => script::LONGEST_TEXT_OF_BASH,
            false => script::LONGEST_TEXT,
        }
    }

    /// Whether nothing came while the shell was idle: neither its end nor stray output.
    pub(super) async fn is_idle(&mut self) -> bool {
        let mut next = std::pin::pin!(self.output.next());
        poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await
    }

    /// Writes a text. Until its last line is complete the shell runs nothing of it.
    pub(super) async fn write(&mut self, text: &[u8]) -> engine_api::Result<()> {
        self.input.write(text).await
    }

    /// The next piece of output; `None` if the shell has ended.
    pub(super) async fn read(&mut self) -> engine_api::Result<Option<engine_api::Chunk>> {
        self.output.next().await.transpose()
    }
}

/// The facts in the line of a shell that is ready. After the colon it names missing tools.
fn facts(line: &str) -> Option<Facts> {
    let (pid, rest) = line.strip_suffix(':')?.split_once(' ')?;
    let (shown, name) = rest.split_once(' ')?;
    Some(Facts {
        pid: pid.parse().ok()?,
        shown: shown.parse().ok()?,
        is_bash: name == "bash",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_that_lacks_a_tool_is_not_ready() {
        let of = |is_bash| Facts {
            pid: 17,
            shown: 123_456,
            is_bash,
        };
        assert_eq!(facts("17 123456 :"), Some(of(false)));
        assert_eq!(facts("17 123456 bash:"), Some(of(true)));
        for line in ["17 123456 : setsid", "17 123456:", "17  :", "17", "", ":"] {
            assert_eq!(facts(line), None, "{line}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn clock_goes_on_with_the_time() {
        let clock = Clock {
            shown: 500,
            read: Instant::now(),
        };
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.after(Duration::from_secs(1)), 900);
    }
}
