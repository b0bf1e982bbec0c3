//! The main process of a container, with its output.

use std::collections::VecDeque;
use std::sync::Arc;

use engine_api::containers::{KillContainer, WaitCondition};
use engine_api::{Input, Output};

use super::NAME;
use super::blueprint::Failed;
use super::cleanup;
use super::container::ContainerRef;
use super::diagnostics::to_error;
use super::exec_process::chunk;
use super::exec_stdin::CommandInput;
use super::launch::{Launcher, NotStarted, Streams};
use super::owner::OwnerLink;
use super::start_failure::{StartFailure, start_failure};
use super::terminal_size::{Terminal, console_size};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::{Chunk, Execution, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::command::stdin::Stdin;
use crate::command::terminal::TerminalSize;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::main_process::Main;

/// The exit codes of the init programs of Docker and of Podman if their child does not exist.
const NOT_FOUND: [i64; 2] = [127, 1];

/// How the messages of the daemons' init programs begin.
const INIT_MESSAGES: [&str; 2] = ["[FATAL tini (", "ERROR (catatonit:"];

/// The longest message of an init program.
const LONGEST_MESSAGE: usize = 1024;

/// The exit code of Podman's init program if it cannot start the main process.
const CATATONIT: i32 = 1;

/// The main process, started with its output.
pub(super) struct Attached {
    launcher: Launcher,
    /// `None` after the end of the output.
    output: Option<Output>,
    /// The error that ended the output.
    broken: Option<engine_api::Error>,
    /// Output that was read and not returned yet.
    queue: VecDeque<Chunk>,
    /// The init program may report that the image lacks the shell that starts the main process.
    may_lack_shell: bool,
    /// Whether nothing was read yet.
    first: bool,
    /// The output, as long as it can be the message of an init program.
    said: Option<String>,
    sent: Option<Signal>,
    exit: Option<ExitStatus>,
}

/// Starting with streams.
impl Launcher {
    /// Starts the container with its streams. A task completes the start: if the caller is dropped,
    /// the main process is dropped too, and so killed.
    pub(super) async fn start_attached(&self) -> Result<Execution> {
        let command = match &self.main {
            Main::Command(command) => command.clone(),
            Main::Idle | Main::Image | Main::Arguments(_) => Command::default(),
        };
        let (launcher, given) = (self.clone(), command.clone());
        let starting = tokio::spawn(async move {
            let (input, process) = Box::pin(launcher.open(&given)).await?;
            Ok((input, process))
        });
        let started = starting.await.map_err(|ended| Error::engine(NAME, ended))?;
        let error = match started {
            Ok((input, process)) => {
                let input =
                    input.map(|input| Stdin::new(CommandInput::new(input, command.terminal.is_some())));
                return Ok(Execution::new(Box::new(process), input, &command));
            }
            Err(NotStarted::Other(error)) => return Err(error),
            Err(NotStarted::Daemon(error)) => error,
        };
        match (start_failure(error.message().unwrap_or_default()), &self.main) {
            (Some(StartFailure::NoProgram), Main::Command(_)) => {
                Ok(Execution::not_started(&command, 127, "not found"))
            }
            (Some(StartFailure::NotExecutable), Main::Command(_)) => {
                Ok(Execution::not_started(&command, 126, "permission denied"))
            }
            _ => Err(self.error(error).await),
        }
    }

    async fn open(self, command: &Command) -> std::result::Result<(Option<Input>, Attached), NotStarted> {
        let Some(Streams { output, input }) = self.begin(Some(command)).await? else {
            let why = "the daemon has returned no streams";
            return Err(Error::new(ErrorKind::Engine, why).into());
        };
        tokio::spawn(self.lease());
        Ok((input, Attached::new(self, output)))
    }
}

impl Attached {
    pub(super) fn new(launcher: Launcher, output: Output) -> Self {
        let by_init = launcher
            .made
            .as_ref()
            .is_some_and(|made| made.blueprint.start().init);
        Self {
            may_lack_shell: by_init && launcher.link() == OwnerLink::Watcher,
            launcher,
            output: Some(output),
            broken: None,
            queue: VecDeque::new(),
            first: true,
            said: None,
            sent: None,
            exit: None,
        }
    }

    /// Collects what can be the message of an init program. It comes in one piece or in several.
    fn listen(&mut self, chunk: &Chunk) {
        let text = String::from_utf8_lossy(bytes(chunk));
        if std::mem::take(&mut self.first) {
            let begins = INIT_MESSAGES.iter().any(|begin| text.starts_with(begin));
            self.said = begins.then(|| text.into_owned());
        } else if let Some(said) = &mut self.said {
            said.push_str(&text);
        }
        self.said.take_if(|said| said.len() > LONGEST_MESSAGE);
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            // The first output is held back if it can be the message of an init program.
            if !self.may_lack_shell {
                if let Some(chunk) = self.queue.pop_front() {
                    return Ok(Some(chunk));
                }
            }
            let Some(output) = &mut self.output else {
                if !self.may_lack_shell {
                    return Ok(None);
                }
                self.may_lack_shell = false;
                self.start_without_shell().await?;
                continue;
            };
            match output.next().await {
                Some(Ok(piece)) => {
                    let chunk = chunk(piece);
                    self.listen(&chunk);
                    self.may_lack_shell &= self.said.is_some();
                    self.queue.push_back(chunk);
                }
                Some(Err(error)) => (self.output, self.broken) = (None, Some(error)),
                None => self.output = None,
            }
        }
    }

    /// Starts the main process without a shell, for an image without one. Nothing has run then.
    async fn start_without_shell(&mut self) -> Result<()> {
        let lacks = self
            .said
            .as_ref()
            .is_some_and(|said| said.contains("No such file"));
        if !lacks || !NOT_FOUND.contains(&code(&self.launcher.container).await?) {
            return Ok(());
        }
        if self.launcher.has_no_shell().await.map_err(to_error)?
            && self.launcher.make_anew(Failed::Shell).await?
        {
            self.queue.clear();
            (self.first, self.said) = (true, None);
            self.output = Some(self.launcher.start_again().await?);
        }
        Ok(())
    }

    async fn ending(&mut self) -> Result<ExitStatus> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        if let Some(error) = self.broken.take() {
            // Podman breaks the connection of a process that has not read all its input.
            if !error.is_disconnected() || runs(&self.launcher.container).await? {
                return Err(to_error(error));
            }
        }
        let code = code(&self.launcher.container).await?;
        let unstarted = self.said.as_deref().and_then(unstarted);
        let number = match (i32::try_from(code).unwrap_or(-1), unstarted) {
            (CATATONIT, Some(code)) => code,
            (number, _) => number,
        };
        let exit = match self.sent {
            Some(signal) if number == 128 + signal.number() => ExitStatus::from_signal(signal.number()),
            _ => ExitStatus::from_code(number),
        };
        let oom = number == 137
            && self.sent != Some(Signal::Kill)
            && self.launcher.container.oom_state().await.map_err(to_error)?;
        let exit = ExitStatus { oom, ..exit };
        self.exit = Some(exit);
        Ok(exit)
    }
}

/// The exit code of the main process; waits for its end.
async fn code(container: &ContainerRef) -> Result<i64> {
    let containers = container.docker.containers();
    let wait = |name: String| async move { containers.wait(&name, WaitCondition::NotRunning).await };
    let end = container.call(wait).await;
    end.map(|end| end.status_code).map_err(to_error)
}

/// Whether the container runs.
async fn runs(container: &ContainerRef) -> Result<bool> {
    let found = container.inspect().await;
    found.map(|found| found.state.running).map_err(to_error)
}

fn bytes(chunk: &Chunk) -> &[u8] {
    let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = chunk;
    bytes
}

/// The exit code of a shell for a message of Podman's init program that it could not start the main
/// process.
fn unstarted(said: &str) -> Option<i32> {
    if !said.contains("failed to exec pid1") {
        return None;
    }
    Some(if said.contains("No such file") { 127 } else { 126 })
}

async fn kill(container: &ContainerRef, signal: Signal) -> engine_api::Result<()> {
    let options = KillContainer {
        signal: signal.name().to_owned(),
    };
    let containers = container.docker.containers();
    let kill = |name: String| {
        let options = options.clone();
        async move { containers.kill(&name, options).await }
    };
    match container.call(kill).await {
        // It has ended: the daemons report that with several statuses.
        Err(error) if error.is_not_found() || error.is_conflict() || error.status() == Some(500) => Ok(()),
        sent => sent,
    }
}

impl RunningProcess for Attached {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(self.next_chunk())
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.ending())
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let resized = Terminal::Main.resize(&self.launcher.container, console_size(size));
            resized.await.map_err(to_error)
        })
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.exit.is_none() {
                self.sent = Some(signal);
                kill(&self.launcher.container, signal).await.map_err(to_error)?;
            }
            Ok(())
        })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.exit.is_some() {
            return;
        }
        let container = self.launcher.container.clone();
        cleanup::run(Arc::new(move || {
            let container = container.clone();
            Box::pin(async move {
                // There is no caller to report an error to; destroying the environment ends the
                // process too.
                let _ = kill(&container, Signal::Kill).await;
            })
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_init_programs_are_those_of_a_shell() {
        let of_podman = |why: &str| format!("ERROR (catatonit:2): failed to exec pid1: {why}\n");
        assert_eq!(unstarted(&of_podman("No such file or directory")), Some(127));
        assert_eq!(unstarted(&of_podman("Permission denied")), Some(126));
        let of_docker = "[FATAL tini (7)] exec x failed: No such file or directory\n";
        assert_eq!(unstarted(of_docker), None);
        for message in [&of_podman("x")[..], of_docker] {
            assert!(
                INIT_MESSAGES.iter().any(|begin| message.starts_with(begin)),
                "{message}"
            );
        }
    }
}
