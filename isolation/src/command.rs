//! What to run in an environment, and how it ended.

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
    /// The program and its arguments; no shell reads them.
    pub argv: Vec<String>,
    /// Variables on top of the environment's own, which they override.
    pub env: BTreeMap<String, String>,
    /// The directory in which it starts, instead of the environment's own; it must exist.
    pub working_dir: Option<String>,
    /// What it reads from its standard input.
    pub input: Input,
    /// Whether it runs on a terminal. Its output then comes in one stream, as standard output.
    pub tty: bool,
    /// When to kill it; `None` lets it run for as long as it likes.
    pub timeout: Option<Duration>,
}

/// What a command reads from its standard input.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Input {
    /// Nothing: it reads an end at once.
    #[default]
    Empty,
    /// These bytes, then an end.
    Bytes(Bytes),
    /// What the caller writes into [`Execution::take_stdin`](crate::Execution::take_stdin).
    Piped,
}

impl Command {
    /// A program with its arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// A script for `sh -c`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// Refuses what no engine could run: no program, NUL bytes, broken variables, no time.
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
                "a timeout of 0 leaves no time; leave it out for none",
            )),
            _ => Ok(()),
        }
    }

    /// The features that an engine needs for it.
    pub fn needs(&self) -> BTreeSet<Feature> {
        let tty = self.tty.then_some(Feature::Tty);
        let stdin = (self.input != Input::Empty).then_some(Feature::Stdin);
        tty.into_iter().chain(stdin).collect()
    }

    /// The first word, for messages.
    pub(crate) fn program(&self) -> &str {
        self.argv.first().map_or("nothing", String::as_str)
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
    /// The exit code; as in a shell, 128 + n for signal n, 127 for no such program, 126 for a program
    /// that cannot be run.
    pub code: i32,
    /// The number of the signal that ended it, where the engine can tell.
    pub signal: Option<i32>,
    /// It was killed because its time was up.
    pub timed_out: bool,
    /// It was killed because the memory limit was reached, where the engine can tell.
    pub oom: bool,
    /// All output came. `false` when a process that it left in the background still held the output
    /// open: what that process writes later is lost, so send it to a file.
    pub output_complete: bool,
}

impl ExitStatus {
    /// An end by exit code.
    pub fn from_code(code: i32) -> Self {
        Self {
            code,
            signal: None,
            timed_out: false,
            oom: false,
            output_complete: true,
        }
    }

    /// An end by signal.
    pub fn from_signal(signal: i32) -> Self {
        Self {
            signal: Some(signal),
            ..Self::from_code(128 + signal)
        }
    }

    /// It ended by itself, with code 0.
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

/// A command that ran to its end, with all it wrote.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// How it ended.
    pub exit: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl CommandOutput {
    /// Standard output as text; bytes that are no UTF-8 become `U+FFFD`.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are no UTF-8 become `U+FFFD`.
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

/// What can be sent to a running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal went away.
    Hangup,
    /// `SIGINT`: what Ctrl-C sends.
    Interrupt,
    /// `SIGQUIT`: what Ctrl-\ sends.
    Quit,
    /// `SIGTERM`: end, please.
    Terminate,
    /// `SIGKILL`: end.
    Kill,
    /// `SIGUSR1`: the program decides.
    User1,
    /// `SIGUSR2`: the program decides.
    User2,
}

impl Signal {
    /// The name for `kill -s`: `TERM`.
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
    fn what_no_engine_could_run_is_refused() {
        let refused = |command: Command| command.validate().unwrap_err().to_string();
        let ls = || Command::new(["ls"]);
        assert!(refused(Command::default()).contains("empty"));
        assert!(refused(Command::new([" "])).contains("program"));
        assert!(refused(Command::new(["ls", "a\0b"])).contains("NUL"));
        let env = [("A=".to_owned(), String::new())].into();
        assert!(refused(Command { env, ..ls() }).contains("variable"));
        let timeout = Some(Duration::ZERO);
        assert!(refused(Command { timeout, ..ls() }).contains("timeout"));
        assert!(
            refused(Command {
                working_dir: Some(String::new()),
                ..ls()
            })
            .contains("working directory")
        );
    }

    #[test]
    fn an_end_is_told_as_a_shell_tells_it() {
        assert_eq!(ExitStatus::from_signal(9).code, 137);
        assert!(ExitStatus::from_code(0).success());
        let late = ExitStatus {
            timed_out: true,
            ..ExitStatus::from_code(0)
        };
        assert!(!late.success());
    }
}
