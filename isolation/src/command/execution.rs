//! A running command: its output as a stream, its input, its end.

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
use crate::creator::Creator;
use crate::error::Result;

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
/// Dropping it kills the process if it still runs, and leaves nothing behind.
pub trait RunningProcess: Send {
    /// The next piece of output; `None` at the end of the output. Dropping the future loses
    /// nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>>;

    /// Waits for the end; called after `next` returned `None`. Dropping the future loses nothing.
    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>>;

    /// Sends a signal to the command and its child processes; does nothing if the command has
    /// ended.
    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>>;
}

/// A callback, called once: with the exit status, or with `None` if the execution was dropped
/// before the end.
pub(crate) type OnEnd = Box<dyn FnOnce(Option<ExitStatus>) + Send>;

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
    deadline: Option<Instant>,
    timed_out: bool,
    exit: Option<ExitStatus>,
    on_end: Option<OnEnd>,
}

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
            deadline: command
                .timeout
                .and_then(|limit| Instant::now().checked_add(limit)),
            timed_out: false,
            exit: None,
            on_end: None,
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
        loop {
            // Checked first: a command that never stops printing always has output ready.
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

    /// Waits for the end and discards the unread output. If standard input was not taken, it is
    /// closed, because it cannot be written any more.
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
    /// ended.
    pub async fn kill(&mut self, signal: Signal) -> Result<()> {
        self.process.kill(signal).await
    }

    /// The exit status; `None` before [`wait`](Self::wait) returned.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.exit
    }

    pub(crate) fn on_end(&mut self, call: OnEnd) {
        self.on_end = Some(call);
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
            timed_out: self.timed_out,
            ..exit
        };
        self.exit = Some(exit);
        if let Some(call) = self.on_end.take() {
            call(Some(exit));
        }
    }

    async fn time_out(&mut self) -> Result<()> {
        // The deadline is removed last: if this future is dropped, the next call kills again.
        self.process.kill(Signal::Kill).await?;
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
        if !self.creator.is_this_process() {
            // This process was forked; the command belongs to its parent.
            let ended = NotStarted { code: 0, text: None };
            std::mem::forget(std::mem::replace(&mut self.process, Box::new(ended)));
            return;
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
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// A process with endless output until it is killed; it gives up at some point, so that no test
    /// runs for ever.
    struct Chatty {
        left: u32,
        killed: bool,
    }

    impl RunningProcess for Chatty {
        fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
            self.left = self.left.saturating_sub(1);
            let goes_on = !self.killed && self.left > 0;
            let chunk = goes_on.then(|| Chunk::Stdout(Bytes::from_static(b"y\n")));
            Box::pin(std::future::ready(Ok(chunk)))
        }

        fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
            let code = if self.killed { 137 } else { 0 };
            Box::pin(std::future::ready(Ok(ExitStatus::from_code(code))))
        }

        fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
            self.killed = true;
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn chatty() -> Execution {
        let process = Chatty {
            left: 1000,
            killed: false,
        };
        let timeout = Some(Duration::from_secs(60));
        Execution::new(
            Box::new(process),
            None,
            &Command {
                timeout,
                ..Command::new(["yes"])
            },
        )
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_does_not_wait_for_a_pause_in_output() {
        let mut execution = chatty();
        assert!(execution.next().await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(61)).await;
        let exit = execution.wait().await.unwrap();
        assert!(exit.timed_out && exit.code == 137, "{exit}");
    }

    /// A forked process that ended killed the commands of its parent.
    #[tokio::test]
    async fn execution_of_another_process_is_not_dropped() {
        struct Told(Arc<Mutex<u32>>);
        impl Drop for Told {
            fn drop(&mut self) {
                *self.0.lock().unwrap() += 1;
            }
        }
        impl RunningProcess for Told {
            fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
                Box::pin(std::future::ready(Ok(None)))
            }

            fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
                Box::pin(std::future::ready(Ok(ExitStatus::from_code(0))))
            }

            fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
                Box::pin(std::future::ready(Ok(())))
            }
        }
        let dropped = Arc::new(Mutex::new(0));
        for (creator, expected) in [(Creator::another_process(), 0), (Creator::this_process(), 1)] {
            let process = Box::new(Told(Arc::clone(&dropped)));
            let mut execution = Execution::new(process, None, &Command::new(["x"]));
            execution.creator = creator;
            drop(execution);
            assert_eq!(*dropped.lock().unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn end_is_reported_once() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let tell = || {
            let reported = Arc::clone(&reported);
            Box::new(move |exit: Option<ExitStatus>| reported.lock().unwrap().push(exit.map(|e| e.code)))
        };
        let mut execution = chatty();
        execution.on_end(tell());
        execution.wait().await.unwrap();
        execution.wait().await.unwrap();
        drop(execution);
        let mut execution = chatty();
        execution.on_end(tell());
        drop(execution);
        assert_eq!(*reported.lock().unwrap(), [Some(0), None]);
    }
}
