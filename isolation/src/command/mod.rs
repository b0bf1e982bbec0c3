//! A command for an environment.

pub(crate) mod execution;
pub(crate) mod exit_status;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod signal;
pub(crate) mod stdin;
pub(crate) mod terminal;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::input::Input;
use self::terminal::TerminalSize;
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::spec::units;
use crate::spec::validate::{self, Faults};
use crate::spec::variables::Variables;

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments, without a shell.
    pub argv: Vec<String>,
    /// Environment variables of this command; they override those of the environment.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: Variables,
    /// The working directory, instead of that of the environment; it must exist.
    #[serde(default, skip_serializing_if = "is_default")]
    pub working_dir: Option<String>,
    /// The user, instead of that of the environment: a name or a number, `user:group` too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub user: Option<String>,
    /// The standard input of the command.
    #[serde(default, skip_serializing_if = "is_default")]
    pub input: Input,
    /// Runs it on a terminal of this size. All its output is then standard output, keys such as
    /// Ctrl-C in its input are signals, and [`Execution::resize`](crate::Execution::resize) changes
    /// the size.
    #[serde(default, skip_serializing_if = "is_default")]
    pub terminal: Option<TerminalSize>,
    /// The timeout: the command is killed after this time. Without a timeout, it may run forever.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(default, with = "units::duration", skip_serializing_if = "is_default")]
    pub timeout: Option<Duration>,
}

/// Whether a field has its default value and is left out of JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// variables, a timeout of 0. The error lists every fault.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Faults::default();
        self.check(&mut faults);
        faults
            .into_result()
            .map_err(|e| e.during("execute", self.program()))
    }

    fn check(&self, faults: &mut Faults) {
        faults.add(match self.argv.first() {
            Some(program) => validate::text("the program", program),
            None => Err(Error::invalid("the command is empty; name a program")),
        });
        for argument in self.argv.iter().skip(1) {
            faults.add(validate::no_nul("an argument", argument));
        }
        validate::variables(&self.env, faults);
        if let Some(working_dir) = &self.working_dir {
            faults.add(validate::text("the working directory", working_dir));
        }
        if let Some(user) = &self.user {
            faults.add(validate::text("the user", user));
        }
        faults.add(self.terminal.map_or(Ok(()), TerminalSize::check));
        if self.timeout == Some(Duration::ZERO) {
            let why = "a timeout must be greater than 0; omit it for no timeout";
            faults.add(Err(Error::invalid(why)));
        }
    }

    /// The features that an engine needs to run this command.
    pub fn required_features(&self) -> BTreeSet<Feature> {
        let tty = self.terminal.map(|_| Feature::Tty);
        let stdin = (self.input != Input::Empty).then_some(Feature::Stdin);
        let user = self.user.as_ref().map(|_| Feature::Users);
        tty.into_iter().chain(stdin).chain(user).collect()
    }

    /// The program, for messages; empty if the command is empty.
    pub(crate) fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
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
        let terminal = Some(TerminalSize { rows: 0, columns: 80 });
        assert!(rejected(Command { terminal, ..ls() }).contains("one row"));
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
    fn command_round_trips_as_json() {
        let read = |text: &str| serde_json::from_str::<Command>(text);
        let inputs = [
            Input::Empty,
            Input::Bytes("text".into()),
            Input::Bytes([0xff].to_vec().into()),
            Input::Piped,
        ];
        for input in inputs {
            let command = Command {
                env: [("A", "1")].into(),
                working_dir: Some("/w".into()),
                user: Some("1000:1000".into()),
                input,
                terminal: Some(TerminalSize {
                    rows: 50,
                    columns: 132,
                }),
                timeout: Some(Duration::from_millis(1500)),
                ..Command::new(["a", "b c"])
            };
            let text = serde_json::to_string(&command).unwrap();
            assert_eq!(read(&text).unwrap(), command, "{text}");
        }
        assert_eq!(read(r#"{"argv": ["ls"]}"#).unwrap(), Command::new(["ls"]));
        let late = read(r#"{"argv": ["ls"], "timeout": "250ms"}"#).unwrap();
        assert_eq!(late.timeout, Some(Duration::from_millis(250)));
        assert!(read(r#"{"argv": ["ls"], "usr": "x"}"#).is_err());
        assert!(read(r#"{"argv": ["ls"], "input": {"base64": "%"}}"#).is_err());
    }
}
