//! A command of the engine `basic`: a child process, its output and its exit.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::Pid;
use tokio::io::AsyncRead;
use tokio::process::{Child, ChildStderr};

use super::cgroup::Cgroup;
use super::output::Outputs;
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
    let started = groups.spawn(|| {
        close_descriptors();
        match cgroup {
            Some(group) => group.start_inside(start),
            None => start(),
        }
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
        outputs: Outputs::new(stdout, child.stderr.take()),
        size,
        child,
        group,
        groups: Arc::clone(groups),
        exit: None,
    };
    Ok(Execution::new(Box::new(process), stdin, command))
}

/// Makes processes that are started from now on inherit the standard streams only. Rust opens every
/// descriptor in this way, but a shell or a library in C may have opened others.
pub(super) fn close_descriptors() {
    close_fds::set_fds_cloexec(3, &[]);
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

/// Standard output, or all output of a terminal.
type Output = Box<dyn AsyncRead + Send + Unpin>;

/// A child process, and the group that it leads.
struct Group {
    engine: &'static str,
    child: Child,
    group: Pid,
    groups: Arc<ProcessGroups>,
    outputs: Outputs<Output, ChildStderr>,
    /// The size of its terminal, if it has one.
    size: Option<TerminalHandle>,
    exit: Option<std::process::ExitStatus>,
}

impl Group {
    async fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        while self.outputs.are_open() {
            let ended = self.exit.is_some();
            // `biased` keeps this order: the exit is noticed even if the output never pauses.
            tokio::select! {
                biased;
                exit = self.child.wait(), if !ended => self.ended(exit?),
                chunk = self.outputs.read() => if let Some(chunk) = chunk? {
                    return Ok(Some(chunk));
                },
            }
        }
        Ok(None)
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
            output_complete: self.outputs.are_complete(),
            ..status
        })
    }

    fn ended(&mut self, exit: std::process::ExitStatus) {
        self.groups.leader_ended(self.group);
        self.exit = Some(exit);
        self.outputs.command_ended();
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
        // Does nothing if the exit was read: background processes then belong to the environment.
        self.groups.abandon(self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn program_that_the_system_refuses_has_an_exit_code() {
        let failure = |error: io::Error| shell_failure(&error, "/etc/passwd", "").unwrap();
        for (error, expected) in [
            (io::ErrorKind::NotFound.into(), (127, "program not found")),
            (io::ErrorKind::IsADirectory.into(), (126, "not a program")),
            (io::ErrorKind::NotADirectory.into(), (126, "not a program")),
            (
                io::ErrorKind::ArgumentListTooLong.into(),
                (126, "argument list too long"),
            ),
            (rustix::io::Errno::NOEXEC.into(), (126, "not a program")),
        ] {
            assert_eq!(failure(error), expected);
        }
    }

    #[tokio::test]
    async fn command_without_a_control_group_is_started() {
        let groups = Arc::new(ProcessGroups::default());
        let variables = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let command = Command::new(["sh", "-c", "pwd; exit 7"]);
        let begin = || start("basic", &groups, &command, &variables, Path::new("/"), None);
        let output = begin().unwrap().output().await.unwrap();
        assert_eq!((output.stdout_text().as_str(), output.exit.code), ("/\n", 7));
        groups.close();
        let error = begin().map(drop).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::WrongStatus, "{error}");
        assert!(error.to_string().contains("create another"), "{error}");
    }
}
