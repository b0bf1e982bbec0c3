//! A command of the engine `basic`: a child process, its output and its end.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::process::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr};
use tokio::time::{Instant, sleep_until};

use super::cgroup::Cgroup;
use super::process_group::ProcessGroups;
use super::terminal::{self, TerminalHandle};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::{Chunk, Execution, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::input::Input;
use crate::command::signal::Signal;
use crate::command::stdin::Stdin;
use crate::command::terminal::TerminalSize;
use crate::environment::status::Status;
use crate::error::{Error, Result};

/// How long the output of background processes is read after the command ended.
const GRACE: Duration = Duration::from_millis(500);

/// How much output is still read after the grace period: the command's own output is in the pipe,
/// and no pipe holds more than this.
const PIPE: usize = 1 << 20;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// Starts a command in a process group of its own.
pub(crate) fn start(
    engine: &'static str,
    groups: &Arc<ProcessGroups>,
    command: &Command,
    variables: &BTreeMap<String, String>,
    working_dir: &Path,
    cgroup: Option<&Cgroup>,
) -> Result<Execution> {
    let argv = cgroup.map_or_else(|| command.argv.clone(), |group| group.entering(&command.argv));
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| Error::invalid("the command is empty"))?;
    let mut child = tokio::process::Command::new(program);
    child
        .args(arguments)
        .env_clear()
        .envs(variables)
        .current_dir(working_dir);
    let opened = command.terminal.map(terminal::open).transpose();
    let (terminal, inner) = opened.map_err(|error| Error::engine(engine, error))?.unzip();
    let start = || match inner {
        Some(inner) => terminal::spawn(child, inner),
        None => on_pipes(&mut child, &command.input),
    };
    let started = groups.spawn(|| match cgroup {
        Some(group) => group.start_inside(start),
        None => start(),
    });
    let (mut child, group) = match started {
        None => return Err(Error::wrong_status(Status::Destroying, "create another")),
        Some(Ok(started)) => started,
        Some(Err(error)) => {
            let path = variables.get("PATH").map_or("", String::as_str);
            let failure = shell_failure(&error, program, path);
            let (code, why) = failure.ok_or_else(|| Error::engine(engine, error))?;
            return Ok(Execution::not_started(command, code, why));
        }
    };
    let (stdin, stdout, size) = match terminal {
        Some(terminal) => {
            let output: Output = Box::new(terminal.output);
            (
                Some(Stdin::new(terminal.input)),
                Some(output),
                Some(terminal.size),
            )
        }
        None => {
            let output = child.stdout.take().map(|output| Box::new(output) as Output);
            (child.stdin.take().map(Stdin::new), output, None)
        }
    };
    let process = Group {
        engine,
        stdout: Pipe::new(stdout),
        stderr: Pipe::new(child.stderr.take()),
        size,
        child,
        group,
        groups: Arc::clone(groups),
        exit: None,
        grace: None,
        complete: true,
    };
    Ok(Execution::new(Box::new(process), stdin, command))
}

/// Starts a command in a process group of its own, with pipes.
fn on_pipes(child: &mut tokio::process::Command, input: &Input) -> io::Result<Child> {
    let stdin = match input {
        Input::Empty => Stdio::null(),
        Input::Bytes(_) | Input::Piped => Stdio::piped(),
    };
    child.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    child.process_group(0).spawn()
}

/// The exit code and the message of a shell for a program that cannot be started; `None` if the
/// command is not the reason.
fn shell_failure(error: &io::Error, program: &str, path: &str) -> Option<(i32, &'static str)> {
    match error.kind() {
        io::ErrorKind::NotFound => Some((127, "program not found")),
        // The system also returns this for a directory on the PATH that it may not search.
        io::ErrorKind::PermissionDenied if !is_there(program, path) => Some((127, "program not found")),
        io::ErrorKind::PermissionDenied => Some((126, "permission denied")),
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Some((126, "not a program")),
        io::ErrorKind::ArgumentListTooLong => Some((126, "argument list too long")),
        // "Exec format error" has no `ErrorKind`.
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            Some((126, "not a program"))
        }
        _ => None,
    }
}

fn is_there(program: &str, path: &str) -> bool {
    program.contains('/') || std::env::split_paths(path).any(|directory| directory.join(program).exists())
}

/// Standard output or standard error.
struct Pipe<R> {
    reader: Option<R>,
    buffer: BytesMut,
    /// The number of bytes after the grace period.
    late: usize,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        let buffer = BytesMut::new();
        Self {
            reader,
            buffer,
            late: 0,
        }
    }

    /// Reads a piece. At the end of the output, closes the pipe and returns `None`. A closed pipe
    /// is never ready.
    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let Some(reader) = &mut self.reader else {
            return pending().await;
        };
        // The pieces share one allocation until it is used up, so that small pieces do not hold 64
        // KiB each.
        if self.buffer.capacity() < CHUNK / 16 {
            self.buffer.reserve(CHUNK);
        }
        if reader.read_buf(&mut self.buffer).await? == 0 {
            self.reader = None;
            return Ok(None);
        }
        Ok(Some(self.buffer.split().freeze()))
    }

    /// Counts bytes after the grace period. `false` if there are more than the command can have
    /// written: then a background process prints, perhaps for ever.
    fn may_go_on(&mut self, bytes: usize, grace: Option<Instant>) -> bool {
        if grace.is_some_and(|at| at <= Instant::now()) {
            self.late += bytes;
        }
        self.late < PIPE
    }
}

/// Standard output, or all output of a terminal.
type Output = Box<dyn AsyncRead + Send + Unpin>;

/// A child process, and the group that it leads.
struct Group {
    engine: &'static str,
    child: Child,
    group: Pid,
    groups: Arc<ProcessGroups>,
    stdout: Pipe<Output>,
    stderr: Pipe<ChildStderr>,
    /// The size of its terminal, if it has one.
    size: Option<TerminalHandle>,
    exit: Option<std::process::ExitStatus>,
    /// The end of the grace period; `None` while the command runs.
    grace: Option<Instant>,
    complete: bool,
}

impl Group {
    async fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        while self.stdout.reader.is_some() || self.stderr.reader.is_some() {
            let (grace, ended) = (self.grace, self.exit.is_some());
            // In this order: the end is noticed even if the output never pauses, and the grace
            // period does not end while there is output.
            tokio::select! {
                biased;
                exit = self.child.wait(), if !ended => self.ended(exit?),
                piece = either(&mut self.stdout, &mut self.stderr) => match piece? {
                    Some(chunk) => return Ok(Some(self.counted(chunk))),
                    None => continue,
                },
                () = over(grace) => self.give_up(),
            }
        }
        Ok(None)
    }

    fn counted(&mut self, chunk: Chunk) -> Chunk {
        let goes_on = match &chunk {
            Chunk::Stdout(bytes) => self.stdout.may_go_on(bytes.len(), self.grace),
            Chunk::Stderr(bytes) => self.stderr.may_go_on(bytes.len(), self.grace),
        };
        if !goes_on {
            self.give_up();
        }
        chunk
    }

    fn give_up(&mut self) {
        self.complete = false;
        self.stdout.reader = None;
        self.stderr.reader = None;
    }

    async fn ending(&mut self) -> io::Result<ExitStatus> {
        let exit = match self.exit {
            Some(exit) => exit,
            None => {
                let exit = self.child.wait().await?;
                self.ended(exit);
                exit
            }
        };
        let status = match exit.signal() {
            Some(signal) => ExitStatus::from_signal(signal),
            None => ExitStatus::from_code(exit.code().unwrap_or(-1)),
        };
        Ok(ExitStatus {
            output_complete: self.complete,
            ..status
        })
    }

    fn ended(&mut self, exit: std::process::ExitStatus) {
        self.groups.leader_ended(self.group);
        self.exit = Some(exit);
        self.grace = Some(Instant::now() + GRACE);
    }
}

/// A piece of either output, whichever is ready first.
async fn either(stdout: &mut Pipe<Output>, stderr: &mut Pipe<ChildStderr>) -> io::Result<Option<Chunk>> {
    tokio::select! {
        piece = stdout.read() => Ok(piece?.map(Chunk::Stdout)),
        piece = stderr.read() => Ok(piece?.map(Chunk::Stderr)),
    }
}

async fn over(grace: Option<Instant>) {
    match grace {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

impl RunningProcess for Group {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(async move { self.next_chunk().await.map_err(|e| Error::engine(self.engine, e)) })
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async move { self.ending().await.map_err(|e| Error::engine(self.engine, e)) })
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        let sent = self.groups.signal(self.group, signal);
        Box::pin(std::future::ready(
            sent.map_err(|e| Error::engine(self.engine, e)),
        ))
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        let resized = self.size.as_ref().map_or(Ok(()), |handle| handle.resize(size));
        Box::pin(std::future::ready(
            resized.map_err(|e| Error::engine(self.engine, e)),
        ))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Does nothing if the end was seen: background processes then belong to the environment.
        self.groups.abandon(self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn endless_output_is_cut_only_after_the_grace() {
        let mut pipe = Pipe::new(Some(tokio::io::repeat(b'y')));
        let mut taken = 0;
        while taken < 2 * PIPE {
            let bytes = pipe.read().await.unwrap().unwrap().len();
            taken += bytes;
            assert!(
                pipe.may_go_on(bytes, None),
                "the command's own output is not limited"
            );
        }
        let over = Some(Instant::now());
        let mut late = 0;
        loop {
            let bytes = pipe.read().await.unwrap().unwrap().len();
            late += bytes;
            if !pipe.may_go_on(bytes, over) {
                break;
            }
        }
        assert!((PIPE..PIPE + CHUNK).contains(&late), "{late}");
    }

    #[test]
    fn missing_program_is_127_despite_a_closed_directory() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let code = |program: &str| {
            shell_failure(&denied, program, "/no/such/directory:/etc").map(|failure| failure.0)
        };
        assert_eq!(code("no-such-program"), Some(127));
        assert_eq!(code("passwd"), Some(126));
        assert_eq!(code("./passwd"), Some(126));
        assert!(shell_failure(&io::Error::from(io::ErrorKind::OutOfMemory), "ls", "").is_none());
    }
}
