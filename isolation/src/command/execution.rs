//! A running command: its output as a stream, its input, its exit.

use std::fmt;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::BoxFuture;
use crate::command::Command;
use crate::command::exit_status::ExitStatus;
use crate::command::input::Input;
use crate::command::output::CommandOutput;
use crate::command::signal::Signal;
use crate::command::stdin::{Feed, Stdin};
use crate::command::terminal::TerminalSize;
use crate::counted::counted;
use crate::creator::Creator;
use crate::error::{Error, ErrorKind, Result};

/// A piece of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Written to standard output, or to the terminal.
    Stdout(Bytes),
    /// Written to standard error.
    Stderr(Bytes),
}

/// For authors of engines: the process behind an [`Execution`].
///
/// Dropping it kills the process if it still runs, and removes everything that belongs to it.
pub trait RunningProcess: Send {
    /// The next piece of output; `None` at the end of the output. Dropping the future loses
    /// nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>>;

    /// Waits until the process exits; called after `next` returned `None`. Dropping the future
    /// loses nothing.
    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>>;

    /// Sends a signal to the command and its child processes; does nothing if the command has
    /// exited.
    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>>;

    /// Changes the size of its terminal; does nothing if the command has exited. Only called if the
    /// command has a terminal.
    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        let text = format!(
            "the engine cannot change the size of a terminal to {} of {}",
            counted(size.rows, "row", "rows"),
            counted(size.columns, "column", "columns")
        );
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::Unsupported, text))))
    }
}

/// A callback, called once: with the exit status, or with `None` if the execution was dropped
/// before the end.
pub(crate) type OnEnd = Box<dyn FnOnce(Option<ExitStatus>) + Send>;

/// A callback for each piece of output.
pub(crate) type OnOutput = Box<dyn Fn(&Chunk) + Send + Sync>;

/// A running command.
///
/// Dropping it kills the command and its child processes, unless the end was read. The timeout and
/// input from bytes make progress only while one of its methods is awaited.
///
/// ```no_run
/// # async fn demo(environment: &isolation::Environment) -> isolation::Result<()> {
/// use isolation::{Chunk, Command};
///
/// let mut execution = environment.execute(Command::shell("make test")).await?;
/// while let Some(chunk) = execution.next().await? {
///     if let Chunk::Stderr(text) = chunk {
///         eprint!("{}", String::from_utf8_lossy(&text));
///     }
/// }
/// println!("{}", execution.wait().await?);
/// # Ok(()) }
/// ```
pub struct Execution {
    process: Box<dyn RunningProcess>,
    creator: Creator,
    stdin: Option<Stdin>,
    feed: Feed,
    terminal: bool,
    deadline: Option<Instant>,
    timed_out: bool,
    exit: Option<ExitStatus>,
    on_end: Option<OnEnd>,
    on_output: Option<OnOutput>,
    kill_limit: Option<KillLimit>,
}

/// Awaits a kill, but only as long as the engine answers.
pub(crate) trait LimitKill: Send + Sync {
    /// Drops a process. An engine that does not answer is tried for the rest of the limit.
    fn drop_within(&self, process: Box<dyn RunningProcess>);

    fn limited<'a>(&'a self, kill: BoxFuture<'a, Result<()>>) -> BoxFuture<'a, Result<()>>;
}

type KillLimit = std::sync::Arc<dyn LimitKill>;

impl Execution {
    /// For authors of engines: a command that was just started, and its standard input, which must
    /// be there if `command.input` is not empty.
    pub fn new(process: Box<dyn RunningProcess>, stdin: Option<Stdin>, command: &Command) -> Self {
        let (stdin, feed) = match (&command.input, stdin) {
            (Input::Bytes(bytes), Some(stdin)) => (None, Feed::new(stdin, bytes.clone())),
            (Input::Piped, stdin) => (stdin, Feed::default()),
            _ => (None, Feed::default()),
        };
        Self {
            process,
            creator: Creator::this_process(),
            stdin,
            feed,
            terminal: command.terminal.is_some(),
            deadline: command
                .timeout
                .and_then(|limit| Instant::now().checked_add(limit)),
            timed_out: false,
            exit: None,
            on_end: None,
            on_output: None,
            kill_limit: None,
        }
    }

    /// For authors of engines: a command that could not be started. It ends as in a shell: with
    /// `why` on standard error, and code 127 (the program does not exist) or 126 (it cannot be
    /// run).
    pub fn not_started(command: &Command, code: i32, why: &str) -> Self {
        let text = Bytes::from(format!("{}: {why}\n", command.program()));
        let process = NotStarted {
            code,
            text: Some(text),
        };
        Self::new(Box::new(process), Some(Stdin::new(tokio::io::sink())), command)
    }

    /// The standard input of a command with [`Input::Piped`]; `None` at the second call.
    pub fn take_stdin(&mut self) -> Option<Stdin> {
        self.stdin.take()
    }

    /// The next piece of output; `None` at the end of the output. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Result<Option<Chunk>> {
        let next = self.next_chunk().await?;
        if let (Some(chunk), Some(call)) = (&next, &self.on_output) {
            call(chunk);
        }
        Ok(next)
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            // The deadline is checked first: a command that never stops printing always has output
            // ready.
            if self.deadline.is_some_and(|at| at <= Instant::now()) {
                self.time_out().await?;
            }
            let next = self.feed.alongside(self.process.next());
            match self.deadline {
                None => return next.await,
                Some(at) => match timeout_at(at, next).await {
                    Ok(chunk) => return chunk,
                    Err(_) => self.time_out().await?,
                },
            }
        }
    }

    /// Waits until the command exits and discards the unread output. If standard input was not
    /// taken, it is closed, because no caller can write to it.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.close_untaken_stdin();
        while self.next().await?.is_some() {}
        self.end().await
    }

    /// Collects all output until the end. If standard input was not taken, it is closed.
    pub async fn output(mut self) -> Result<CommandOutput> {
        self.close_untaken_stdin();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(chunk) = self.next().await? {
            match chunk {
                Chunk::Stdout(bytes) => stdout.extend_from_slice(&bytes),
                Chunk::Stderr(bytes) => stderr.extend_from_slice(&bytes),
            }
        }
        let exit = self.end().await?;
        Ok(CommandOutput { exit, stdout, stderr })
    }

    /// Sends a signal to the command and its child processes; does nothing if the command has
    /// exited.
    pub async fn kill(&mut self, signal: Signal) -> Result<()> {
        let kill = self.process.kill(signal);
        match &self.kill_limit {
            Some(limit) => limit.limited(kill).await,
            None => kill.await,
        }
    }

    /// Whether the command runs on a terminal.
    pub fn has_terminal(&self) -> bool {
        self.terminal
    }

    /// Changes the size of the command's terminal; does nothing if the command has exited.
    ///
    /// # Errors
    ///
    /// When the command has no terminal, or the engine cannot change its size.
    pub async fn resize(&mut self, size: TerminalSize) -> Result<()> {
        size.check()?;
        match self.terminal {
            true => self.process.resize(size).await,
            false => Err(Error::invalid(
                "the command has no terminal; start it with Command::terminal",
            )),
        }
    }

    /// The exit status; `None` before [`wait`](Self::wait) returned.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.exit
    }

    pub(crate) fn limit_kill(&mut self, limit: KillLimit) {
        self.kill_limit = Some(limit);
    }

    pub(crate) fn on_end(&mut self, call: OnEnd) {
        self.on_end = Some(call);
    }

    pub(crate) fn on_output(&mut self, call: OnOutput) {
        self.on_output = Some(call);
    }

    async fn end(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            let wait = self.feed.alongside(self.process.wait());
            let ended = match self.deadline {
                None => Ok(wait.await),
                Some(at) => timeout_at(at, wait).await,
            };
            match ended {
                Ok(exit) => self.finish(exit?),
                Err(_) => self.time_out().await?,
            }
        }
    }

    fn finish(&mut self, exit: ExitStatus) {
        let exit = ExitStatus {
            timed_out: self.timed_out || exit.timed_out,
            ..exit
        };
        self.exit = Some(exit);
        if let Some(call) = self.on_end.take() {
            call(Some(exit));
        }
    }

    async fn time_out(&mut self) -> Result<()> {
        // The deadline is removed last: if this future is dropped, the next call kills again.
        let killed = self.kill(Signal::Kill).await;
        killed.map_err(|error| error.during("kill the command at its timeout", ""))?;
        self.timed_out = true;
        self.deadline = None;
        Ok(())
    }

    fn close_untaken_stdin(&mut self) {
        if let Some(stdin) = self.stdin.take() {
            self.feed = Feed::new(stdin, Bytes::new());
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let ended = NotStarted { code: 0, text: None };
        let process = std::mem::replace(&mut self.process, Box::new(ended));
        if !self.creator.is_this_process() {
            // This process was forked; the command belongs to its parent.
            return std::mem::forget(process);
        }
        match &self.kill_limit {
            Some(limit) => limit.drop_within(process),
            None => drop(process),
        }
        if let Some(call) = self.on_end.take() {
            call(None);
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("timed_out", &self.timed_out)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

/// The process of a command that could not be started.
struct NotStarted {
    code: i32,
    text: Option<Bytes>,
}

impl RunningProcess for NotStarted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        let chunk = self.text.take().map(Chunk::Stderr);
        Box::pin(std::future::ready(Ok(chunk)))
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(std::future::ready(Ok(ExitStatus::from_code(self.code))))
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests;
