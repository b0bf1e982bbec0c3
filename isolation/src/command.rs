//! A command for an environment, and its result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::capabilities::Feature;
use crate::error::{Error, Result};
use crate::spec::Hidden;
use crate::validate;

/// A command for [`Environment::execute`](crate::Environment::execute).
///
/// ```
/// use isolation::{Command, Input};
/// use std::time::Duration;
///
/// let command = Command {
///     input: Input::Bytes("b\na\n".into()),
///     timeout: Some(Duration::from_secs(10)),
///     ..Command::new(["sort", "-u"])
/// };
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments, without a shell.
    pub argv: Vec<String>,
    /// Environment variables of this command; they override those of the environment.
    pub env: BTreeMap<String, String>,
    /// The working directory, instead of that of the environment; it must exist.
    pub working_dir: Option<String>,
    /// The standard input of the command.
    pub input: Input,
    /// Whether to run it on a terminal. All its output is then standard output.
    pub tty: bool,
    /// The timeout: the command is killed after this time. `None` is no timeout.
    pub timeout: Option<Duration>,
}

/// The standard input of a command.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Input {
    /// Empty: the command reads the end of input at once.
    #[default]
    Empty,
    /// These bytes, then the end of input.
    Bytes(Bytes),
    /// The bytes that the caller writes to [`Execution::take_stdin`](crate::Execution::take_stdin).
    Piped,
}

impl Command {
    /// Creates a command from a program and its arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Creates a command that runs a script with `sh -c`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// Rejects a command that no engine can run: no program, NUL bytes, invalid environment
    /// variables, a timeout of 0.
    pub fn validate(&self) -> Result<()> {
        self.check().map_err(|e| e.during("execute", self.program()))
    }

    fn check(&self) -> Result<()> {
        let Some(program) = self.argv.first() else {
            return Err(Error::invalid("the command is empty; name a program"));
        };
        validate::text("the program", program)?;
        for argument in &self.argv {
            validate::no_nul("an argument", argument)?;
        }
        validate::variables(&self.env)?;
        if let Some(working_dir) = &self.working_dir {
            validate::text("the working directory", working_dir)?;
        }
        match self.timeout {
            Some(Duration::ZERO) => Err(Error::invalid(
                "a timeout must be greater than 0; omit it for no timeout",
            )),
            _ => Ok(()),
        }
    }

    /// The features that an engine needs to run this command.
    pub fn needs(&self) -> BTreeSet<Feature> {
        let tty = self.tty.then_some(Feature::Tty);
        let stdin = (self.input != Input::Empty).then_some(Feature::Stdin);
        tty.into_iter().chain(stdin).collect()
    }

    /// The program, for messages; empty if the command is empty.
    pub(crate) fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("argv", &self.argv)
            .field("env", &Hidden(&self.env))
            .field("working_dir", &self.working_dir)
            .field("input", &self.input)
            .field("tty", &self.tty)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Piped => f.write_str("Piped"),
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExitStatus {
    /// The exit code; as in a shell, 128 + n for signal n, 127 for a program that does not exist,
    /// 126 for a program that cannot be run.
    pub code: i32,
    /// The number of the signal that ended it, if the engine reports it.
    pub signal: Option<i32>,
    /// Whether it was killed at its timeout.
    pub timed_out: bool,
    /// Whether it was killed at the memory limit, if the engine reports it.
    pub oom: bool,
    /// Whether all output was read. `false` if a background process of the command still held the
    /// output open: later output of that process is lost, so redirect it to a file.
    pub output_complete: bool,
}

impl ExitStatus {
    /// An exit with a code.
    pub fn from_code(code: i32) -> Self {
        Self {
            code,
            signal: None,
            timed_out: false,
            oom: false,
            output_complete: true,
        }
    }

    /// An exit by a signal.
    pub fn from_signal(signal: i32) -> Self {
        Self {
            signal: Some(signal),
            ..Self::from_code(128 + signal)
        }
    }

    /// Whether the command exited with code 0 and without a timeout.
    pub fn success(&self) -> bool {
        self.code == 0 && !self.timed_out
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            _ if self.timed_out => f.write_str("killed at its timeout"),
            _ if self.oom => f.write_str("killed at its memory limit"),
            Some(signal) => write!(f, "killed by signal {signal}"),
            None => write!(f, "exit code {}", self.code),
        }
    }
}

/// The result of a command that ran to its end.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// How the command ended.
    pub exit: ExitStatus,
    /// The bytes that it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The bytes that it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl CommandOutput {
    /// Standard output as text; bytes that are not UTF-8 become `U+FFFD`.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are not UTF-8 become `U+FFFD`.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl fmt::Debug for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandOutput")
            .field("exit", &self.exit)
            .field("stdout", &self.stdout_text())
            .field("stderr", &self.stderr_text())
            .finish()
    }
}

/// A signal for a running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal was closed.
    Hangup,
    /// `SIGINT`: Ctrl-C.
    Interrupt,
    /// `SIGQUIT`: Ctrl-\.
    Quit,
    /// `SIGTERM`: a request to end.
    Terminate,
    /// `SIGKILL`: kills the process.
    Kill,
    /// `SIGUSR1`: defined by the program.
    User1,
    /// `SIGUSR2`: defined by the program.
    User2,
}

impl Signal {
    /// The name for `kill -s`, such as `TERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::User1 => "USR1",
            Self::User2 => "USR2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_command_is_rejected() {
        let rejected = |command: Command| command.validate().unwrap_err().to_string();
        let ls = || Command::new(["ls"]);
        assert!(rejected(Command::default()).contains("empty"));
        assert!(rejected(Command::new([" "])).contains("program"));
        assert!(rejected(Command::new(["ls", "a\0b"])).contains("NUL"));
        let env = [("A=".to_owned(), String::new())].into();
        assert!(rejected(Command { env, ..ls() }).contains("variable"));
        let timeout = Some(Duration::ZERO);
        assert!(rejected(Command { timeout, ..ls() }).contains("timeout"));
        assert!(
            rejected(Command {
                working_dir: Some(String::new()),
                ..ls()
            })
            .contains("working directory")
        );
    }

    #[test]
    fn exit_status_has_shell_exit_codes() {
        assert_eq!(ExitStatus::from_signal(9).code, 137);
        assert!(ExitStatus::from_code(0).success());
        let late = ExitStatus {
            timed_out: true,
            ..ExitStatus::from_code(0)
        };
        assert!(!late.success());
    }
}
