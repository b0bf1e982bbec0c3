//! The options of a command in an environment: of `run` and `exec`.

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::Input;

use crate::global::Global;
use crate::parse;

/// Options of a command in an environment.
#[derive(Debug, Args)]
pub(crate) struct CommandOptions {
    /// Timeout: kill the command after this time and exit with 124: seconds, or 250ms, 30s,
    /// 1m30s
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    #[arg(allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Whether the command reads isolate's standard input; auto: unless that is a terminal, or
    /// --record or --replay is used
    #[arg(long, value_enum, default_value_t = Stdin::Auto, value_name = "WHEN")]
    stdin: Stdin,
    /// The same as --stdin always
    #[arg(short, conflicts_with = "stdin")]
    interactive: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Whether the command reads this process's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stdin {
    /// Unless it is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl CommandOptions {
    #[cfg(test)]
    pub(crate) fn argv(&self) -> &[String] {
        &self.command
    }

    /// The command.
    pub(crate) fn command(&self, global: &Global) -> isolation::Command {
        let forward = match self.stdin {
            _ if self.interactive => true,
            Stdin::Always => true,
            Stdin::Never => false,
            // A recording must not depend on the terminal in which it was recorded.
            Stdin::Auto => {
                global.record.is_none() && global.replay.is_none() && !std::io::stdin().is_terminal()
            }
        };
        isolation::Command {
            input: if forward { Input::Piped } else { Input::Empty },
            timeout: self.timeout.or(global.settings.config().timeout),
            ..isolation::Command::new(self.command.clone())
        }
    }
}
