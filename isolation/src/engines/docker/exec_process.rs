//! A command in a container: its output, its end, and how it is killed.
//!
//! The daemon can start a command and report its end, but it cannot kill it. So a shell starts the
//! command: it prints its PID on the first line, then becomes the command. A second command sends a
//! signal to the process group with that PID, which every command leads. In an image without a
//! shell the daemon starts the command itself, and nothing can signal it.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use engine_api::Output;
use tokio::time::{Instant, sleep, sleep_until};

use super::cleanup;
use super::container::{ContainerRef, EndCheck};
use super::diagnostics::to_error;
use super::oom::CommandStart;
use super::terminal_size::{Terminal, console_size};
use crate::BoxFuture;
use crate::command::execution::{Chunk, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::command::terminal::TerminalSize;
use crate::error::{Error, ErrorKind, Result};

/// How often the daemon is asked whether a command with open output has ended.
const LOOK: Duration = Duration::from_millis(400);

/// How long the output of background processes is read in all after the command ended.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How much output is still read after the end: the command's own output waits in pipes and
/// sockets, which hold no more than this.
pub(super) const PIPES: usize = 8 << 20;

/// How often, and at which interval, the daemon is asked for the exit code after it broke the
/// connection.
const ENDS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// After a command has ended, Docker waits two seconds for the end of its output, and then ends it.
/// Output that ends sooner has ended by itself.
const DOCKER_WAITS: Duration = Duration::from_millis(1900);

/// Why a command cannot be signalled.
const UNSIGNALLED: &str = "the command still runs: the image has no shell, which is needed to signal a \
                           command; stop or destroy the environment to end it";

/// A started command.
pub(super) struct ExecProcess {
    container: ContainerRef,
    exec: String,
    /// Its PID inside the container, which is also the ID of its process group. `None` in an image
    /// without a shell.
    group: Option<u32>,
    /// The user that may signal it; empty is the container's.
    signalled_by: String,
    started: Instant,
    /// The output that came together with the PID.
    first: VecDeque<Chunk>,
    /// `None` after the end of the output, or when it is not read any more.
    output: Option<Output>,
    /// The error that ended the output.
    broken: Option<engine_api::Error>,
    /// Kept between calls: the daemon may reply only when the output has ended.
    look: Option<EndCheck>,
    next_look: Instant,
    /// The exit code, once the daemon has reported it.
    code: Option<i64>,
    /// How long output was read, and how much, after the command ended.
    waited: Duration,
    late: usize,
    complete: bool,
    sent: Option<Signal>,
    /// The complete exit status.
    exit: Option<ExitStatus>,
}

impl ExecProcess {
    /// Sets the user of the command, if it is not that of the container.
    pub(super) fn of_user(mut self, user: Option<&String>) -> Self {
        if let Some(user) = user {
            self.signalled_by = match self.container.control_user {
                "" => user.clone(),
                root => root.to_owned(),
            };
        }
        self
    }

    pub(super) fn new(
        container: ContainerRef,
        exec: String,
        group: Option<u32>,
        output: Output,
        first: VecDeque<Chunk>,
    ) -> Self {
        let started = Instant::now();
        Self {
            container,
            exec,
            group,
            signalled_by: String::new(),
            started,
            first,
            output: Some(output),
            broken: None,
            look: None,
            next_look: started + LOOK,
            code: None,
            waited: Duration::ZERO,
            late: 0,
            complete: true,
            sent: None,
            exit: None,
        }
    }

    async fn next_chunk(&mut self) -> engine_api::Result<Option<Chunk>> {
        if let Some(first) = self.first.pop_front() {
            return Ok(Some(first));
        }
        loop {
            let since = Instant::now();
            if self.code.is_none() && self.look.is_none() && self.next_look <= since {
                self.look = Some(self.container.clone().ended(self.exec.clone()));
            }
            let Some(output) = &mut self.output else {
                return self.over().await;
            };
            let until = match (self.code, &self.look) {
                (Some(_), _) => Some(since + GRACE.saturating_sub(self.waited)),
                (None, Some(_)) => None,
                (None, None) => Some(self.next_look),
            };
            // In this order: the end is noticed even if the output never pauses.
            tokio::select! {
                biased;
                code = answer(&mut self.look) => {
                    (self.look, self.next_look) = (None, Instant::now() + LOOK);
                    self.code = code?;
                }
                piece = output.next() => match piece {
                    Some(Ok(piece)) => {
                        let chunk = chunk(piece);
                        self.count(&chunk, since);
                        return Ok(Some(chunk));
                    }
                    Some(Err(error)) => (self.output, self.broken) = (None, Some(error)),
                    None => self.output = None,
                },
                () = pause(until) => if self.code.is_some() {
                    self.give_up();
                },
            }
        }
    }

    /// Handles the end of the output. Podman breaks the connection when a command ends that has not
    /// read all its input: if the daemon then reports an exit code, that is a normal end.
    async fn over(&mut self) -> engine_api::Result<Option<Chunk>> {
        let breaks = self
            .broken
            .as_ref()
            .is_some_and(engine_api::Error::is_disconnected);
        for _ in 0..ENDS {
            if !breaks || self.code.is_some() {
                break;
            }
            self.code = self.container.clone().ended(self.exec.clone()).await?;
            sleep(PAUSE).await;
        }
        match self.broken.take() {
            Some(error) if self.code.is_none() => Err(error),
            _ => Ok(None),
        }
    }

    /// Limits the output after the end, in time and in bytes.
    fn count(&mut self, chunk: &Chunk, since: Instant) {
        if self.code.is_none() {
            return;
        }
        let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = chunk;
        self.late += bytes.len();
        self.waited += since.elapsed();
        if self.late >= PIPES || self.waited >= GRACE {
            self.give_up();
        }
    }

    /// Whether the daemon has ended the output while a process may still have held it. Podman ends
    /// it with the command, Docker two seconds later; neither reports it.
    async fn was_cut(&mut self) -> engine_api::Result<bool> {
        // Podman lists processes with the PIDs of the container, Docker with those of the host.
        let group = match self.container.podman {
            true => match self.group {
                Some(group) => i64::from(group),
                None => return Ok(false),
            },
            false if self.started.elapsed() < DOCKER_WAITS => return Ok(false),
            false => self.container.docker.execs().inspect(&self.exec).await?.pid,
        };
        Ok(self.container.has_group(group).await)
    }

    fn give_up(&mut self) {
        self.complete = false;
        self.output = None;
    }

    fn start(&self) -> CommandStart<'_> {
        CommandStart {
            exec: &self.exec,
            at: self.started,
            after_exec: Duration::ZERO,
        }
    }

    async fn ending(&mut self) -> engine_api::Result<ExitStatus> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let code = match self.code {
            Some(code) => code,
            None => self.container.docker.execs().wait(&self.exec).await?,
        };
        self.code = Some(code);
        let code = i32::try_from(code).unwrap_or(-1);
        let signalled = self.sent.filter(|signal| code == 128 + signal.number());
        let exit = match signalled {
            Some(signal) => ExitStatus::from_signal(signal.number()),
            None => ExitStatus::from_code(code),
        };
        let oom = code == 137
            && self.sent != Some(Signal::Kill)
            && self.container.was_out_of_memory(self.start()).await?;
        let cut = !self.complete || self.was_cut().await?;
        let exit = ExitStatus {
            oom,
            output_complete: !cut,
            ..exit
        };
        self.exit = Some(exit);
        Ok(exit)
    }
}

async fn answer(look: &mut Option<EndCheck>) -> engine_api::Result<Option<i64>> {
    match look {
        Some(look) => look.await,
        None => pending().await,
    }
}

async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

pub(super) fn chunk(piece: engine_api::Chunk) -> Chunk {
    match piece {
        engine_api::Chunk::Stderr(bytes) => Chunk::Stderr(bytes),
        engine_api::Chunk::Stdout(bytes) | engine_api::Chunk::Terminal(bytes) => Chunk::Stdout(bytes),
    }
}

impl RunningProcess for ExecProcess {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(async move { self.next_chunk().await.map_err(to_error) })
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async move { self.ending().await.map_err(to_error) })
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.exit.is_some() {
                return Ok(());
            }
            let Some(group) = self.group else {
                return Err(Error::new(ErrorKind::Unsupported, UNSIGNALLED));
            };
            self.sent = Some(signal);
            self.container
                .signal(group, signal, &self.signalled_by)
                .await
                .map_err(to_error)
        })
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.exit.is_none() {
                let resized = Terminal::Exec(&self.exec).resize(&self.container, console_size(size));
                resized.await.map_err(to_error)?;
            }
            Ok(())
        })
    }
}

impl Drop for ExecProcess {
    fn drop(&mut self) {
        // After an end that was read, background processes belong to the environment.
        let Some(group) = self.group.filter(|_| self.exit.is_none()) else {
            return;
        };
        let (container, user) = (self.container.clone(), self.signalled_by.clone());
        cleanup::run(Arc::new(move || {
            let (container, user) = (container.clone(), user.clone());
            Box::pin(async move {
                // There is no caller to report an error to; destroying the environment ends the
                // process too.
                let _ = container.signal(group, Signal::Kill, &user).await;
            })
        }));
    }
}
