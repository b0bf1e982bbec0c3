//! A command for an environment.

pub(crate) mod execution;
pub(crate) mod exit_status;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod signal;
pub(crate) mod stdin;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use self::input::Input;
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::spec::Hidden;
use crate::spec::validate;

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
    pub fn required_features(&self) -> BTreeSet<Feature> {
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
}
