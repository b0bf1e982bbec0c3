//! A command that a shell runs: its output, its end, and how it is killed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::Inner;
use super::control::Target;
use super::marks::{Mark, Piece, Scanner};
use super::report::{Beginning, End, Refusal, Report};
use super::shell::Shell;
use crate::BoxFuture;
use crate::command::execution::{Chunk, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engines::docker::NAME;
use crate::engines::docker::cleanup;
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::{ContainerDiagnostics, to_error};
use crate::engines::docker::exec_process::{GRACE, PIPES};
use crate::engines::docker::oom::CommandStart;
use crate::error::{Error, Result};

/// How long the shell may stay silent before the container is inspected: it may be paused. After
/// this time the shell does not start the command any more.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// The longest time between two inspections.
const LONGEST_SILENCE: Duration = Duration::from_secs(8);

/// How long a killed command may take to end.
const KILL: Duration = Duration::from_secs(10);

/// A command that a shell runs.
pub(super) struct ShellProcess {
    inner: Arc<Inner>,
    /// `None` after the end.
    shell: Option<Shell>,
    exec: String,
    began: Instant,
    /// How long the shell was open then.
    after_exec: Duration,
    shell_pid: u32,
    stdout: Scanner,
    stderr: Scanner,
    pieces: VecDeque<Piece>,
    ready: VecDeque<Chunk>,
    leader: Option<u32>,
    refusal: Option<Refusal>,
    end: Option<End>,
    stderr_ended: bool,
    /// Until when, and how much, output of background processes is read after the end.
    read_until: Option<Instant>,
    late: usize,
    complete: bool,
    sent: Option<Signal>,
    /// When a killed command must have ended.
    killed_until: Option<Instant>,
    exit: Option<ExitStatus>,
}

impl ShellProcess {
    /// A command whose text was just written, not before `began`.
    pub(super) fn new(inner: Arc<Inner>, shell: Shell, mark: &Mark, began: Instant) -> Self {
        Self {
            inner,
            exec: shell.exec.clone(),
            began,
            after_exec: began - shell.opened,
            shell_pid: shell.pid,
            shell: Some(shell),
            stdout: Scanner::new(mark),
            stderr: Scanner::new(mark),
            pieces: VecDeque::new(),
            ready: VecDeque::new(),
            leader: None,
            refusal: None,
            end: None,
            stderr_ended: false,
            read_until: None,
            late: 0,
            complete: true,
            sent: None,
            killed_until: None,
            exit: None,
        }
    }

    /// Waits until the command runs, or is refused.
    pub(super) async fn begin(&mut self) -> Result<Beginning> {
        let mut silence = SILENCE;
        let mut until = Instant::now() + silence;
        while self.leader.is_none() {
            if self.refusal.is_some() && self.has_ended() {
                break;
            }
            let shell = self.shell.as_mut();
            let Some(shell) = shell else {
                return Err(self.lost(None).await);
            };
            tokio::select! {
                biased;
                read = shell.read() => self.take(read).await?,
                () = sleep_until(until) => {
                    Self::reject_paused(&self.inner.container).await?;
                    silence = (silence * 2).min(LONGEST_SILENCE);
                    until = Instant::now() + silence;
                }
            }
        }
        self.settle();
        Ok(match self.refusal {
            Some(refusal) => Beginning::Refused(refusal),
            None => Beginning::Started,
        })
    }

    /// Rejects a command for a paused container. It does not run later: see [`SILENCE`].
    async fn reject_paused(container: &ContainerRef) -> Result<()> {
        let what = "the command could not be started";
        let found = ContainerDiagnostics::look(&container.docker, container.id(), what, None).await;
        match found.is_paused() {
            true => Err(container.is_paused()),
            false => Ok(()),
        }
    }

    /// Handles what was read from the shell.
    async fn take(&mut self, read: engine_api::Result<Option<engine_api::Chunk>>) -> Result<()> {
        let (bytes, is_stdout) = match read {
            Ok(Some(engine_api::Chunk::Stderr(bytes))) => (bytes, false),
            Ok(Some(chunk)) => (chunk.into_bytes(), true),
            Ok(None) => return self.shell_ended(None).await,
            Err(error) => return self.shell_ended(Some(error)).await,
        };
        if self.end.is_some() {
            self.late += bytes.len();
        }
        let scanner = if is_stdout {
            &mut self.stdout
        } else {
            &mut self.stderr
        };
        scanner.push(bytes, &mut self.pieces);
        while let Some(piece) = self.pieces.pop_front() {
            match piece {
                Piece::Output(bytes) => self.ready.push_back(chunk(bytes, is_stdout)),
                Piece::Mark(line) if self.report(&line, is_stdout) => {}
                Piece::Mark(_) | Piece::Invalid => {
                    self.shell = None;
                    return Err(Error::engine(NAME, Unexpected));
                }
            }
        }
        Ok(())
    }

    /// Handles a line of the shell; returns whether it is valid.
    fn report(&mut self, line: &str, is_stdout: bool) -> bool {
        match Report::parse(line, is_stdout) {
            Some(Report::Begin(leader)) => self.leader = Some(leader),
            Some(Report::Refused(refusal)) => self.refusal = Some(refusal),
            Some(Report::End(end)) => {
                self.end = Some(end);
                self.read_until = end.held.then(|| Instant::now() + GRACE);
            }
            Some(Report::StderrEnd) => self.stderr_ended = true,
            None => return false,
        }
        true
    }

    /// Handles the end of the shell's stream: a normal end only after the end of the command.
    async fn shell_ended(&mut self, error: Option<engine_api::Error>) -> Result<()> {
        let Some(end) = self.end else {
            return Err(self.lost(error).await);
        };
        self.shell = None;
        for (rest, is_stdout) in [(self.stdout.rest(), true), (self.stderr.rest(), false)] {
            if !rest.is_empty() {
                self.ready.push_back(chunk(rest, is_stdout));
            }
        }
        // Podman ends the output with the shell, even if another process has it open.
        if !self.stderr_ended || (end.held && self.inner.container.podman) {
            self.complete = false;
        }
        Ok(())
    }

    /// The error of a command whose end is unknown. It is never repeated, because it may have run.
    async fn lost(&mut self, error: Option<engine_api::Error>) -> Error {
        self.shell = None;
        let container = &self.inner.container;
        let what = match self.leader {
            Some(_) => "the connection to the running command was lost; its outcome is unknown",
            None => "the connection to the shell was lost; whether the command ran is unknown",
        };
        let failure = ContainerDiagnostics::look(&container.docker, container.id(), what, error).await;
        let runs = failure.state().is_some_and(|state| state.running);
        if let Some(leader) = self.leader.filter(|_| runs) {
            // Without its shell the command still runs.
            let _ = container.signal(leader, Signal::Kill, "").await;
        }
        failure.into()
    }

    fn has_ended(&self) -> bool {
        self.end.is_some() && self.stderr_ended
    }

    /// Gives the shell back after the end of the command.
    fn settle(&mut self) {
        // A shell that was late may have another idea of the time.
        let reusable = self.end.is_some_and(|end| !end.held)
            && self.stderr_ended
            && !matches!(self.refusal, Some(Refusal::Late | Refusal::Users));
        if let Some(shell) = self.shell.take_if(|_| reusable) {
            self.inner.give_back(shell);
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(Some(chunk));
            }
            self.settle();
            let until = self
                .read_until
                .or(self.killed_until.filter(|_| self.end.is_none()));
            let Some(shell) = &mut self.shell else {
                return match self.end {
                    Some(_) => Ok(None),
                    None => Err(Error::engine(NAME, Unexpected)),
                };
            };
            tokio::select! {
                biased;
                read = shell.read() => self.take(read).await?,
                () = pause(until) => self.give_up()?,
            }
            if self.late > PIPES {
                self.give_up()?;
            }
        }
    }

    /// Stops reading: a background process still has the output open, or a kill has no effect.
    fn give_up(&mut self) -> Result<()> {
        self.shell = None;
        self.complete = false;
        match self.end {
            Some(_) => Ok(()),
            None => Err(Error::engine(NAME, Unkillable)),
        }
    }

    async fn ending(&mut self) -> Result<ExitStatus> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let Some(End { code, .. }) = self.end else {
            return Err(Error::engine(NAME, Unexpected));
        };
        let signalled = self.sent.filter(|signal| code == 128 + signal.number());
        let exit = match signalled {
            Some(signal) => ExitStatus::from_signal(signal.number()),
            None => ExitStatus::from_code(code),
        };
        let asked = code == 137 && self.sent != Some(Signal::Kill);
        let oom = asked && self.inner.was_out_of_memory(self.start()).await?;
        let exit = ExitStatus {
            oom,
            output_complete: self.complete,
            ..exit
        };
        self.exit = Some(exit);
        Ok(exit)
    }

    fn start(&self) -> CommandStart<'_> {
        CommandStart {
            exec: &self.exec,
            at: self.began,
            after_exec: self.after_exec,
        }
    }

    fn target(&self) -> Option<Target> {
        let leader = self.leader?;
        Some(Target {
            shell: self.shell_pid,
            leader,
        })
    }

    async fn send(&mut self, signal: Signal) -> Result<()> {
        let Some(target) = self
            .target()
            .filter(|_| self.end.is_none() && self.shell.is_some())
        else {
            return Ok(());
        };
        self.sent = Some(signal);
        if signal == Signal::Kill {
            self.killed_until = Some(Instant::now() + KILL);
        }
        let (inner, container) = (&*self.inner, &self.inner.container);
        let sent = inner.control.signal(container, &inner.marks, target, signal);
        if !sent.await {
            container
                .signal(target.leader, signal, "")
                .await
                .map_err(to_error)?;
        }
        Ok(())
    }
}

fn chunk(bytes: Bytes, is_stdout: bool) -> Chunk {
    match is_stdout {
        true => Chunk::Stdout(bytes),
        false => Chunk::Stderr(bytes),
    }
}

async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

impl RunningProcess for ShellProcess {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(self.next_chunk())
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.ending())
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.send(signal))
    }
}

impl Drop for ShellProcess {
    fn drop(&mut self) {
        self.settle();
        // After an end that was read, background processes belong to the environment.
        let Some(shell) = self.shell.take().filter(|_| self.end.is_none()) else {
            return;
        };
        let leader = self.leader.unwrap_or(NOBODY);
        let target = Target {
            shell: self.shell_pid,
            leader,
        };
        let inner = Arc::clone(&self.inner);
        // Kept open until the command is killed: a command that writes into a closed stream blocks.
        let shell = Arc::new(Mutex::new(Some(shell)));
        cleanup::run(Arc::new(move || {
            let (inner, shell) = (Arc::clone(&inner), Arc::clone(&shell));
            Box::pin(async move {
                let (container, marks) = (&inner.container, &inner.marks);
                // There is no caller to report an error to; destroying the environment ends the
                // processes too.
                if !inner.control.abort(container, marks, target).await && target.leader != NOBODY {
                    let _ = container.signal(target.leader, Signal::Kill, "").await;
                }
                drop(shell.lock().unwrap_or_else(PoisonError::into_inner).take());
            })
        }));
    }
}

/// No PID of a process: the command had not begun.
const NOBODY: u32 = u32::MAX;

/// The shell printed something that is not in the protocol.
#[derive(Debug, thiserror::Error)]
#[error("the shell in the container gave an invalid reply; whether the command ran is unknown")]
struct Unexpected;

/// A killed command did not end.
#[derive(Debug, thiserror::Error)]
#[error("the command could not be killed: the daemon did not report its end within 10 s")]
struct Unkillable;
